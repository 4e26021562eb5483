"""`channels check` at a UnionPay that signs otherwise than the account says."""

from datetime import UTC, datetime

import pytest
from playing import playing
from test_unionpay_contract import Gateway

from paycore.dev import vendors
from paycore.gateway import checking


@pytest.mark.parametrize(
    ("way", "name", "value"),
    [
        ("21", "sm2_signature", "der"),
        ("21", "sm2_identity", "default"),
        ("12", "shared_key", "another"),
        ("11", "shared_key", "another"),
    ],
)
async def test_what_to_look_at(light_node, door, tmp_path, way, name, value):  # noqa: PLR0917 - three settings, three fixtures
    """It says which setting it may be: its answer is not believed, whatever it says."""
    contract = vendors.with_unionpay(datetime.now(UTC), sign_method=way)
    contract.ours[name] = value
    with playing(tmp_path, {"unionpay": contract}) as strangers:
        bench = Gateway(light_node, strangers, door)
        await bench.open()
        checked = await checking.account(light_node, bench.name, "main")

    assert not checked.good
    assert name in checked.explanation
