"""What the router is measured on is what it says: so many channels, rules, reasons."""

import pytest
from msgspec.structs import replace

from paycore.bench import routes
from paycore.bench.payer import WrongAnswer
from paycore.router.service import Router


@pytest.mark.parametrize("mix", routes.MIXES)
async def test_every_rule_is_asked_of_an_account(mix):
    """None is lost, and as many look at the amount as the mix says."""
    node = await routes._node(routes.MIXES[mix])
    of_accounts = node.state(Router).snapshot.rules.values()
    volatile = sum(len(each.volatile) for each in of_accounts)

    assert routes.CHANNELS == len(of_accounts)
    assert routes.RULES == volatile + sum(len(each.stable) for each in of_accounts)
    assert volatile == routes.MIXES[mix] * routes.RULES
    await node.transport.close()


def test_decisions_are_counted_and_timed():
    """Each mix has a figure of its own."""
    passed: list[float] = []
    found = routes.measure(0.05, passed.append)

    assert list(routes.MIXES) == [each.rules_on_amount for each in found]
    assert all(each.decisions >= routes.QUESTIONS for each in found)
    assert sum(passed) > 0


async def test_a_decision_without_a_route_is_no_figure():
    """A measured decision chooses among all of them, or the run ends."""
    node = await routes._node(0.0)
    (question, *_) = routes._questions(node)
    await routes._decide(node, question)

    with pytest.raises(WrongAnswer):
        await routes._decide(node, replace(question, capable=frozenset()))
    await node.transport.close()
