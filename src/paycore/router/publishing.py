"""The routing rules as a whole: looked at for problems, published as a version.

Whoever changes a rule publishes a version, by the command line too, so that every state
of the rules can be looked at and gone back to. A rule that is left out of what is
published is switched off and stays in the table: nothing that a decision names is lost.
"""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from paycore.kernel.errors import BadRequest, BizCheckError, DataNotExist
from paycore.kernel.journal import Change
from paycore.kernel.mask import mask_text
from paycore.kernel.node import Node
from paycore.kernel.terms import Json
from paycore.router.conditions import ConditionError
from paycore.router.question import AccountKey
from paycore.router.rows import RuleRow, VersionHeadRow, VersionRow
from paycore.router.snapshot import read_rule

_HEAD = "rules"

MOST_RULES = 200
"""Each is asked by decisions about its channel."""

LONGEST_NAME = 64

COMMAND_LINE = "paycore"
AS_FOUND = "as they stood before the first version"


Version = VersionRow


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A routing rule as people write it."""

    rule_id: str
    title: str
    condition: str
    effect: str
    channel: str
    account: str | None = None
    enabled: bool = True


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a rule, in words that do not repeat it."""

    rule: str
    """Its name."""
    says: str


def row_of(rule: Rule) -> RuleRow:
    """The row that says it."""
    return RuleRow(**msgspec.structs.asdict(rule))


def rule_of(row: RuleRow) -> Rule:
    """What a row says."""
    return Rule(**{name: getattr(row, name) for name in Rule.__struct_fields__})


def problems(
    rules: Sequence[RuleRow], accounts: Iterable[AccountKey] | None = None
) -> list[Problem]:
    """What is wrong with each of them, and with them together. `accounts`: those that
    there are; None: not looked at.
    """
    known = None if accounts is None else frozenset(accounts)
    found: list[Problem] = []
    for at, row in enumerate(rules):
        said = _own(row) or _account(row, known) or _beside(row, rules[:at])
        if said is not None:
            found.append(Problem(rule=row.rule_id, says=said))
    return found


def _own(row: RuleRow) -> str | None:
    if not 1 <= len(row.rule_id) <= LONGEST_NAME or not row.title.strip():
        return "a rule needs a name and a title"
    try:
        read_rule(row)
    except ConditionError as error:
        return f"its condition is refused: {error}"
    return None


def _account(row: RuleRow, known: frozenset[AccountKey] | None) -> str | None:
    if known is None:
        return None
    if row.account is not None:
        is_there = (row.channel, row.account) in known
    else:
        is_there = any(channel == row.channel for channel, _ in known)
    return None if is_there else "there is no account that it could be about"


def _beside(row: RuleRow, others: Sequence[RuleRow]) -> str | None:
    for other in others:
        if other.rule_id == row.rule_id:
            return "two rules have this name"
        if contradict(row, other):
            return f"it contradicts rule {other.rule_id}"
    return None


def contradict(one: RuleRow, other: RuleRow) -> bool:
    """Whether they say the opposite of the same route under the same condition."""
    return (
        one.enabled
        and other.enabled
        and other.rule_id != one.rule_id
        and other.effect != one.effect
        and other.channel == one.channel
        and (other.account == one.account or None in (other.account, one.account))
        and other.condition.split() == one.condition.split()
    )


async def head_of(node: Node) -> VersionHeadRow:
    """The newest version's number, zero where none was published yet. It guards what is
    published: to be loaded before the rules that this is made from.
    """
    head = await node.journal.load(VersionHeadRow, _HEAD)
    return head or VersionHeadRow(head=_HEAD, version=0, number=0)


async def version(node: Node, number: int) -> VersionRow:
    """A version; DataNotExist where there is none of that number."""
    row = await node.journal.load(VersionRow, number)
    if row is None:
        raise DataNotExist("There is no such version of the rules.", "规则版本不存在")
    return row


async def before(node: Node, change: Change, made: VersionRow) -> VersionRow | None:
    """The version before one that a change makes: it may be of the same change."""
    for one in change.inserts:
        if isinstance(one.row, VersionRow) and one.row.number == made.number - 1:
            return one.row
    return await node.journal.load(VersionRow, made.number - 1)


def rules_in(row: VersionRow) -> list[Rule]:
    """The rules of a version."""
    return msgspec.json.decode(row.rules, type=list[Rule])


async def publish(
    node: Node,
    change: Change,
    rules: Sequence[Rule],
    *,
    on: int,
    by: str,
    why: str,
) -> VersionRow:
    """Stage that these are the rules, and no others are asked. `on`: the version they
    were made from; refused where there is a newer one by now.
    """
    head = await head_of(node)
    if head.number != on:
        raise BizCheckError(
            "There is a newer version of the rules: read it, then change that.",
            "规则已有更新版本,请重新读取后再改",
        )
    rows = [row_of(rule) for rule in rules]
    if len(rows) > MOST_RULES:
        raise BadRequest(f"There are {MOST_RULES} rules at most.", field="rules")
    if wrong := problems(rows):
        raise BadRequest(
            f"Rule number {_place(rows, wrong[0])}: {wrong[0].says}.",
            field="rules",
        )
    standing = {row.rule_id: row for row in await node.journal.every(RuleRow)}
    named = {row.rule_id for row in rows}
    rows += [
        replace(row, enabled=False)
        for row in standing.values()
        if row.rule_id not in named
    ]
    if not _staged(change, rows, standing):
        raise BizCheckError("These are the rules already.", "规则没有变化")
    return recorded(node, change, head, rows, standing.values(), by=by, why=why)


def _place(rows: Sequence[RuleRow], wrong: Problem) -> int:
    """Which it is, counted from one: its name is the caller's own."""
    return max(at for at, row in enumerate(rows, 1) if row.rule_id == wrong.rule)


def _staged(
    change: Change, rows: Sequence[RuleRow], standing: dict[str, RuleRow]
) -> bool:
    """Stage what differs; whether anything does."""
    for row in rows:
        old = standing.get(row.rule_id)
        if old is None:
            change.insert(row)
        elif rule_of(old) != rule_of(row):
            change.update(replace(row, version=old.version), version=old.version)
    return not change.empty


def recorded(
    node: Node,
    change: Change,
    head: VersionHeadRow,
    rows: Iterable[RuleRow],
    before: Iterable[RuleRow],
    *,
    by: str,
    why: str,
) -> VersionRow:
    """Stage the version after `head`: these rules, which the change brings about. The
    first one keeps what stood before it as well.
    """
    number, found = head.number, list(before)
    if not number and found:
        number += 1
        change.insert(_version(node, number, found, by=COMMAND_LINE, why=AS_FOUND))
    made = _version(node, number + 1, rows, by=by, why=mask_text(why))
    change.insert(made)
    end = replace(head, number=made.number)
    if head.version:
        change.update(end, version=head.version)
    else:
        change.insert(replace(end, version=1))
    return made


def _version(
    node: Node, number: int, rows: Iterable[RuleRow], *, by: str, why: str
) -> VersionRow:
    ordered = sorted(map(rule_of, rows), key=lambda rule: rule.rule_id)
    return VersionRow(
        number=number,
        published_at=node.now(),
        published_by=by,
        why=why,
        rules=Json(msgspec.json.encode(ordered).decode()),
    )
