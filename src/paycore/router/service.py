"""The router's door: which channel, which account, which transaction type.

It advises and never calls. A decision is made from the snapshot of the last refresh;
only limits of a day are read for it, and those only where an offer has some. Every
decision is staged with its explanation, and what it takes of a limit is reserved by
the same commit.
"""

import asyncio
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from paycore.kernel.errors import (
    BadRequest,
    BizCheckError,
    DataNotExist,
    Unavailable,
)
from paycore.kernel.journal import Change, KeyOf, LimitCounter, Row
from paycore.kernel.log import get
from paycore.kernel.money import exponent
from paycore.kernel.node import Node
from paycore.kernel.terms import SMS_CENTRE, BizLineId, Json, TransType
from paycore.router import publishing, rules
from paycore.router.conditions import ConditionError
from paycore.router.question import AccountKey, Question, Route
from paycore.router.rows import (
    DecisionRow,
    LineAccountRow,
    RuleRow,
    TransTypeRow,
    VersionHeadRow,
    WindowRow,
)
from paycore.router.rules import Cause, Decision, Draw
from paycore.router.snapshot import (
    Offer,
    Snapshot,
    Tables,
    compile_tables,
    read_offer,
)

R = TypeVar("R", bound=Row)

ANSWER_WITHIN_S = 0.3
"""Then the answer is a clean "none" with cause ROUTE_ERROR: the payer is waiting, and
converting or failing is better than silence (F02)."""

LONGEST_NAME = publishing.LONGEST_NAME

BY_COMMAND = "by the command line"

OVER = timedelta(minutes=1)
"""For so long a window that is over is still looked at: a question's moment was before
this one."""

_JSON = frozenset({"currencies", "banks", "maintenance"})

log = get(__name__)


@dataclass(slots=True)
class Router:
    """What a node remembers of the router's tables."""

    snapshot: Snapshot | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The question as it is stored with its decision, and the number drawn for it."""

    biz_line: str
    amount: int
    currency: str
    card_id: str
    bank: str
    card_kind: str
    now: datetime
    named: str | None = None
    capable: tuple[str, ...] = ()
    broken: tuple[AccountKey, ...] = ()
    excluded: tuple[AccountKey, ...] = ()
    agreements: tuple[tuple[str, str, int | None, int | None], ...] | None = None
    draw: Draw = Draw()


async def refresh(node: Node) -> None:
    """Read the tables again; what cannot be read leaves the last good snapshot."""
    held = node.state(Router)
    try:
        found = _standing(await tables(node), node.now())
    except Unavailable:
        if held.snapshot is None:
            raise
        log.warning("router_snapshot_kept", reason="the database is away")
        return
    if held.snapshot is None or _replaces(found, held.snapshot.tables):
        held.snapshot = compile_tables(found)


async def route(node: Node, question: Question, change: Change) -> Route | None:
    """Decide; stage the explanation and the reservations of what was chosen.

    A reservation that another payment takes first is refused at commit by the guard
    "limit:" + counter: ask again, with that account among the excluded.
    """
    decision = await explain(node, question)
    change.append(_row(node, question, decision))
    if decision.route is None:
        return None
    for reservation in decision.route.reservations:
        change.count(
            reservation.counter,
            question.amount,
            limit=reservation.limit,
            expires_at=reservation.expires_at,
            guard=f"limit:{reservation.counter}",
        )
    return decision.route


def cause_of(change: Change) -> str:
    """Why the last decision staged in a change found no route."""
    decisions = [row for row in change.appends if isinstance(row, DecisionRow)]
    return decisions[-1].cause if decisions else Cause.ROUTE_NONE


async def probe(node: Node, question: Question) -> Route | None:
    """Whether and where it would go now; nothing is staged."""
    return (await explain(node, question)).route


async def explain(
    node: Node, question: Question, drafted: Sequence[RuleRow] | None = None
) -> Decision:
    """Decide, with the reason of every candidate; nothing is staged. `drafted`: as if
    these were the rules.
    """
    try:
        snapshot = await _in_time(node)
        if drafted is not None:
            supposed = dataclasses.replace(snapshot.tables, rules=drafted)
            snapshot = compile_tables(supposed)
        sifted = rules.sift(snapshot, question)
        used = await _used(node, rules.counters(sifted))
    except (TimeoutError, Unavailable) as error:
        log.warning("route_failed", reason=type(error).__name__)
        return Decision(route=None, cause=Cause.ROUTE_ERROR)
    return rules.choose(sifted, question, used, node.ids.below)


async def channels(node: Node, trans_type: TransType) -> frozenset[str]:
    """Channels that have a transaction type of this kind, switched off or not."""
    offers = (await _snapshot(node)).offers.get(trans_type, ())
    return frozenset(offer.row.channel for offer in offers)


def reserved(route: Route, amount: int) -> Json | None:
    """What an attempt remembers of its reservations, to give them back by."""
    if not route.reservations:
        return None
    taken = [(r.counter, amount, r.expires_at) for r in route.reservations]
    return Json(msgspec.json.encode(taken).decode())


def release(node: Node, change: Change, reserved: Json | None) -> None:
    """Give back what an attempt had reserved: it has definitely failed."""
    if reserved is None:
        return
    taken = msgspec.json.decode(reserved, type=list[tuple[str, int, datetime]])
    for counter, amount, expires_at in taken:
        change.count(counter, -amount, limit=None, expires_at=expires_at)


async def save_trans_type(node: Node, row: TransTypeRow) -> None:
    """Make or replace a transaction type; refuses what a decision could not use."""
    _check_trans_type(row)
    await _save(node, row, row.inst_trans_id, version=row.version)


async def save_rule(node: Node, row: RuleRow) -> None:
    """Make or replace a rule; refuses what cannot be asked or contradicts."""
    if wrong := publishing.problems([row]):
        raise BadRequest(f"The rule is refused: {wrong[0].says}.")
    head = await publishing.head_of(node)
    before = await node.journal.every(RuleRow)
    _refuse_contradiction(row, before)
    standing = next((one for one in before if one.rule_id == row.rule_id), None)
    if standing is not None and _content(standing) == _content(row):
        return
    change = node.change()
    if standing is None:
        change.insert(row)
    else:
        change.update(row, version=row.version)
    await _publish(node, change, row, (head, before))


async def allow(node: Node, biz_line: BizLineId, channel: str, account: str) -> None:
    """Let a business line use an account; that it already may is no objection."""
    standing = await node.journal.load(LineAccountRow, biz_line, channel, account)
    if standing is not None:
        await _switch(node, LineAccountRow, standing.key(), enabled=True)
        return
    change = node.change()
    change.insert(LineAccountRow(biz_line=biz_line, channel=channel, account=account))
    await node.journal.commit(change)
    await refresh(node)


async def withdraw(node: Node, biz_line: BizLineId, channel: str, account: str) -> None:
    """Let a business line use an account no more; what was begun there goes on."""
    await _switch(node, LineAccountRow, (biz_line, channel, account), enabled=False)


async def switch_trans_type(node: Node, inst_trans_id: str, *, enabled: bool) -> None:
    """Offer a transaction type again, or no more."""
    await _switch(node, TransTypeRow, (inst_trans_id,), enabled=enabled)


async def switch_rule(node: Node, rule_id: str, *, enabled: bool) -> None:
    """Ask a rule again, or no more; on again it may contradict none by now."""
    head = await publishing.head_of(node)
    before = await node.journal.every(RuleRow)
    row = next((one for one in before if one.rule_id == rule_id), None)
    if row is None:
        raise DataNotExist("There is nothing of that name.", "数据不存在")
    if row.enabled is enabled:
        return
    switched = replace(row, enabled=enabled)
    _refuse_contradiction(switched, before)
    change = node.change()
    change.update(switched, version=row.version)
    await _publish(node, change, switched, (head, before))


async def _publish(
    node: Node,
    change: Change,
    row: RuleRow,
    found: tuple[VersionHeadRow, Sequence[RuleRow]],
) -> None:
    """Write one rule of all, as the next version of them."""
    head, before = found
    after = [one for one in before if one.rule_id != row.rule_id]
    by = publishing.COMMAND_LINE
    after.append(row)
    publishing.recorded(node, change, head, after, before, by=by, why=BY_COMMAND)
    await _commit(node, change)


async def tables(node: Node) -> Tables:
    """The router's tables as they stand, for people."""
    return Tables(
        types=await node.journal.every(TransTypeRow),
        allowed=await node.journal.every(LineAccountRow),
        rules=await node.journal.every(RuleRow),
        windows=await node.journal.every(WindowRow),
    )


def _standing(found: Tables, now: datetime) -> Tables:
    """The tables without the windows that are over."""
    windows = [row for row in found.windows if row.ends_at > now - OVER]
    return dataclasses.replace(found, windows=windows)


def _replaces(new: Tables, old: Tables) -> bool:
    """Whether these tables take the place of those.

    Switched-off rows are rows: a table that had some and has none was emptied by
    accident, and nothing would route.
    """
    if old.types and not new.types:
        log.error("router_snapshot_kept", reason="there are no transaction types")
        return False
    return new != old


async def _snapshot(node: Node) -> Snapshot:
    held = node.state(Router)
    if held.snapshot is None:
        await refresh(node)
    assert held.snapshot is not None
    return held.snapshot


async def _in_time(node: Node) -> Snapshot:
    """The snapshot; should there be none yet, it is not waited for long."""
    snapshot = node.state(Router).snapshot
    if snapshot is not None:
        return snapshot
    async with node.clock.timeout(ANSWER_WITHIN_S):
        return await _snapshot(node)


async def _used(node: Node, counters: Sequence[str]) -> dict[str, int]:
    """What is used of each limit, as last committed; the guard decides at commit."""
    if not counters:
        return {}
    async with node.clock.timeout(ANSWER_WITHIN_S):
        found = await asyncio.gather(
            *(node.journal.load(LimitCounter, counter) for counter in counters)
        )
    return {row.counter: row.used for row in found if row is not None}


def _row(node: Node, question: Question, decision: Decision) -> DecisionRow:
    return DecisionRow(
        pay_order_no=question.pay_order_no,
        decision_id=node.ids.uuid(),
        at=question.now,
        trans_type=question.trans_type,
        chosen=decision.route.inst_trans_id if decision.route else None,
        cause=decision.cause.value,
        question=_json(_asked(question, decision.draw)),
        candidates=_json(decision.candidates),
    )


def _asked(question: Question, draw: Draw) -> Asked:
    agreements = question.agreements
    return Asked(
        biz_line=question.biz_line,
        amount=question.amount,
        currency=question.currency,
        card_id=question.card_id,
        bank=question.bank,
        card_kind=question.card_kind,
        now=question.now,
        named=question.named,
        capable=tuple(sorted(question.capable)),
        broken=tuple(sorted(question.broken)),
        excluded=tuple(sorted(question.excluded)),
        agreements=None
        if agreements is None
        else tuple(
            (*key, limits.single_limit, limits.daily_limit)
            for key, limits in sorted(agreements.items(), key=lambda item: item[0])
        ),
        draw=draw,
    )


def _json(value: object) -> Json:
    return Json(msgspec.json.encode(value).decode())


def _check_trans_type(row: TransTypeRow) -> None:
    """The numbers, the lists and the condition of a transaction type."""
    if (
        not 1 <= len(row.inst_trans_id) <= LONGEST_NAME
        or not row.channel
        or not row.account
    ):
        raise BadRequest(
            "A transaction type needs a name, a channel and an account.",
            "交易类型需要编号、渠道和账户",
            field="inst_trans_id",
        )
    for name, value, least in (
        ("weight", row.weight, 0),
        ("single_min", row.single_min, 1),
        ("single_max", row.single_max, row.single_min),
        ("daily_limit", row.daily_limit, 0),
    ):
        if value is not None and value < least:
            raise BadRequest(
                f"{name} is below {least}.", f"{name} 小于 {least}", field=name
            )
    try:
        offer = read_offer(row)
    except ConditionError as error:
        raise _refused("condition", error) from error
    except ValueError as error:
        raise BadRequest(
            "currencies, banks or maintenance are not written as they must be.",
            "币种、银行或维护时段的格式有误",
        ) from error
    _check_currencies(offer)


def _check_currencies(offer: Offer) -> None:
    """Known money; only the SMS centre, which takes none, may leave it open."""
    if not offer.currencies and offer.row.channel != SMS_CENTRE:
        raise BadRequest(
            "At least one currency.", "至少需要一个币种", field="currencies"
        )
    if any(exponent(currency) is None for currency in offer.currencies):
        raise BadRequest(
            "Currencies are ISO 4217 codes.",
            "币种须为 ISO 4217 代码",
            field="currencies",
        )
    if offer.banks is not None and not offer.banks:
        raise BadRequest(
            "No bank at all: leave the list out to serve every bank.",
            "银行列表为空;不限银行请不填",
            field="banks",
        )


def _refuse_contradiction(row: RuleRow, others: Sequence[RuleRow]) -> None:
    """Two rules that say the opposite of the same route under the same condition."""
    for other in others:
        if publishing.contradict(row, other):
            raise BizCheckError(
                f"The rule contradicts rule {other.rule_id}.",
                f"该规则与规则 {other.rule_id} 相矛盾",
            )


def _refused(field: str, error: ConditionError) -> BadRequest:
    return BadRequest(f"The condition is refused: {error}.", field=field)


async def _switch(node: Node, kind: type[R], key: KeyOf, *, enabled: bool) -> None:
    """Set one row's `enabled`; DataNotExist where there is no such row."""
    change = node.change()
    change.amend(kind, key, lambda row: replace(row, enabled=enabled))
    if await node.journal.commit(change) is not None:
        raise DataNotExist("There is nothing of that name.", "数据不存在")
    await refresh(node)


async def _save(node: Node, row: R, key: str, *, version: int) -> None:
    """Insert or replace; the same content again changes nothing."""
    standing = await node.journal.load(type(row), key)
    if standing is not None and _content(standing) == _content(row):
        return
    change = node.change()
    if standing is None:
        change.insert(row)
    else:
        change.update(row, version=version)
    await _commit(node, change)


async def _commit(node: Node, change: Change) -> None:
    """Write it and know it; refused, somebody else was faster."""
    if await node.journal.commit(change) is not None:
        raise BizCheckError(
            "It was changed meanwhile: read it again, then change that.",
            "数据已被他人修改,请重新读取后再改",
        )
    await refresh(node)


def _content(row: Row) -> dict[str, object]:
    """What a row says, whatever its version and however its JSON is spaced."""
    fields = msgspec.structs.asdict(row)
    del fields["version"]
    for name in _JSON & fields.keys():
        if fields[name] is not None:
            fields[name] = msgspec.json.decode(fields[name])
    return fields
