"""The subset's quick tests go first: most mutants never meet the simulator."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: "test_simulated" in item.nodeid)
