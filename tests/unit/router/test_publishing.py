"""Rules as versions: published, recorded, gone back to."""

import asyncio

import pytest

from paycore.kernel.errors import BizCheckError
from paycore.router import publishing, service
from paycore.router.publishing import rule_of
from paycore.router.rows import RuleRow


async def published(node, *rules, on):
    """Published and written; refused where somebody was faster."""
    change = node.change()
    made = await publishing.publish(
        node, change, list(map(rule_of, rules)), on=on, by="ann", why="so"
    )
    refused = await node.journal.commit(change)
    return made, refused


async def test_the_first_version_keeps_what_stood_before(node, make):
    """Rules from before there were versions can be gone back to."""
    old = make.rule("old", "amount > 1", "DROP", "bank_a")
    change = node.change()
    change.insert(old)
    assert await node.journal.commit(change) is None
    made, _ = await published(node, make.rule("new", "true", "DROP", "bank_b"), on=0)

    assert 2 == made.number
    first = await publishing.version(node, 1)
    assert [rule_of(old)] == publishing.rules_in(first)
    rows = {row.rule_id: row.enabled for row in await node.journal.every(RuleRow)}
    assert {"old": False, "new": True} == rows


async def test_what_the_command_line_changes_is_a_version(node, make):
    """Made, switched off and on: three versions, the newest as the table stands."""
    before = (await publishing.head_of(node)).number
    await service.save_rule(node, make.rule("one", "true", "DROP", "bank_a"))
    await service.switch_rule(node, "one", enabled=False)
    await service.switch_rule(node, "one", enabled=False)
    await service.switch_rule(node, "one", enabled=True)
    head = await publishing.head_of(node)

    assert 3 == head.number - before
    newest = publishing.rules_in(await publishing.version(node, head.number))
    assert [rule_of(row) for row in await node.journal.every(RuleRow)] == newest


async def test_of_two_at_once_one_is_refused(node, make):
    """Both made from one version: never are the rules a mixture of both."""
    one = make.rule("one", "true", "DROP", "bank_a")
    two = make.rule("two", "true", "DROP", "bank_b")
    on = (await publishing.head_of(node)).number
    both = await asyncio.gather(
        published(node, one, on=on), published(node, two, on=on), return_exceptions=True
    )
    good = [
        made for made in both if not isinstance(made, Exception) and made[1] is None
    ]

    assert 1 == len(good), both
    asked = [row.rule_id for row in await node.journal.every(RuleRow) if row.enabled]
    assert 1 == len(asked)
    with pytest.raises(BizCheckError):
        await published(node, make.rule("three", "true", "DROP", "bank_a"), on=on)


def test_problems_are_said_rule_by_rule(make):
    """And do not repeat what was written."""
    fine = make.rule("fine", "amount > 1", "DROP", "bank_a")
    bad = [
        make.rule("contrary", "amount > 1", "PREFER", "bank_a"),
        make.rule("fine", "amount > 2", "DROP", "bank_a"),
        make.rule("broken", "amount >>> 6222020200112233446", "DROP", "bank_a"),
        make.rule("away", "true", "DROP", "bank_z"),
    ]
    found = publishing.problems([fine, *bad], [("bank_a", "main")])

    assert [row.rule_id for row in bad] == [one.rule for one in found]
    assert not [one for one in found if "6222" in one.says]
