"""What `paycore doctor` looks at once it is in: everything that is set up.

Each check gives findings: good, worth a note, or wrong with what to do. They ask what
is there and change nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from paycore.cli import sealed
from paycore.cli.visit import Visit
from paycore.core import queries as payments
from paycore.desk import queries as desk
from paycore.gateway.accounts import open_account
from paycore.gateway.rows import AccountRow
from paycore.kernel.clock import machine_now
from paycore.kernel.errors import BadRequest, Misconfigured
from paycore.kernel.http import (
    Answered,
    HttpRequest,
    HttpResult,
    NoAnswer,
    NotSent,
)
from paycore.kernel.jobs import JobRow
from paycore.kernel.node import Node, NodeRow
from paycore.kernel.stream import Place, Stream
from paycore.kernel.terms import SMS_CENTRE, TransType
from paycore.lines import service as lines
from paycore.lines.rows import BizLineRow
from paycore.notify import endpoints
from paycore.notify.rows import EndpointRow
from paycore.router import service as router
from paycore.router.conditions import ConditionError
from paycore.router.rows import TransTypeRow
from paycore.router.snapshot import Tables, read_offer, read_rule
from paycore.sms import registry
from paycore.sms.rows import CarrierRow

GOOD, NOTE, WRONG = "good", "note", "WRONG"

CLOCK_OFF_S = 2.0
"""Signatures and certificates take minutes; past this a clock is not kept at all."""

ANSWER_WITHIN_S = 3.0
OVERDUE = timedelta(minutes=1)
JOB_LATE = timedelta(days=1)
JOB_TRIES = 3
SHOWN = 20
"""Of values that do not open: the first ones tell which key is missing."""

AccountKey = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one look found."""

    check: str
    state: str
    what: str
    do: str = ""


async def clock(visit: Visit) -> list[Finding]:
    """Nodes go by the database's clock; certificates and logs by the machine's."""
    off = (machine_now() - await visit.node.journal.database_now()).total_seconds()
    what = f"this machine's clock is {off:+.1f} s from the database's"
    if abs(off) > CLOCK_OFF_S:
        return [Finding(check="clock", state=WRONG, what=what, do="let NTP keep both")]
    return [Finding(check="clock", state=GOOD, what=what)]


async def nodes(visit: Visit) -> list[Finding]:
    """Who lives, and whether somebody does the work that is due."""
    now = visit.node.now()
    silent = now - timedelta(seconds=visit.node.settings.lease_s)
    alive = [
        row.name
        for row in await visit.node.journal.every(NodeRow)
        if row.died_at is None and row.beat_at > silent
    ]
    late, since = await payments.overdue(visit.pool, now - OVERDUE)
    found = [
        Finding(check="nodes", state=GOOD, what=f"alive: {', '.join(sorted(alive))}")
        if alive
        else Finding(
            check="nodes", state=NOTE, what="none is alive", do="`paycore serve`"
        )
    ]
    if late:
        found.append(
            Finding(
                check="nodes",
                state=WRONG,
                what=f"{late} payments are overdue, the first since {since}",
                do="start a node with role worker or all, and look at its log",
            )
        )
    return found


async def jobs(visit: Visit) -> list[Finding]:
    """Whether the jobs by the day come to their end."""
    rows = await visit.node.journal.every(JobRow)
    late = visit.node.now() - JOB_LATE
    stuck = [
        row
        for row in rows
        if row.next_check_at is not None
        and (row.tries >= JOB_TRIES or f"{late:%Y-%m-%d}" >= row.day)
    ]
    if stuck:
        return [
            Finding(
                check="jobs",
                state=WRONG,
                what=f"{row.job} of {row.day}: {row.result or 'not begun'}",
                do="look at a working node's log for job_failed and job_postponed",
            )
            for row in stuck[-SHOWN:]
        ]
    ended = {row.job: row.day for row in rows if row.finished_at is not None}
    done = ", ".join(f"{job} on {day}" for job, day in sorted(ended.items()))
    return [Finding(check="jobs", state=GOOD, what=f"last done: {done or 'none yet'}")]


async def keys(visit: Visit) -> list[Finding]:
    """Whether everything that is sealed opens, and under which keys it is."""
    in_use: dict[str, int] = {}
    for use in await sealed.uses(visit):
        in_use[use.key_id] = in_use.get(use.key_id, 0) + use.sealed
    looked, shut = 0, list[tuple[str, str]]()
    async for count, bad in sealed.shut(visit):
        looked += count
        shut += bad
    ids = ", ".join(f"{key}: {count}" for key, count in sorted(in_use.items()))
    active = visit.node.key_ring.active
    found = [
        Finding(check="keys", state=WRONG, what=f"{name}: {why}", do=_ADD_KEY)
        for name, why in shut[:SHOWN]
    ]
    if len(shut) > SHOWN:
        more = f"and {len(shut) - SHOWN} more that do not open"
        found.append(Finding(check="keys", state=WRONG, what=more, do=_ADD_KEY))
    if not shut:
        what = f"active {active}; {looked} sealed values open ({ids or 'none'})"
        found.append(Finding(check="keys", state=GOOD, what=what))
    return found


_ADD_KEY = "put the key it was sealed with back into PAYCORE_KEY_RING"


async def channels(visit: Visit) -> list[Finding]:
    """Whether accounts open with their keys, and whether channels answer at all."""
    found: list[Finding] = []
    rows = await visit.node.journal.every(AccountRow)
    for row in rows:
        name = f"{row.channel}/{row.account}"
        try:
            open_account(visit.node, row)
        except (Misconfigured, msgspec.MsgspecError) as error:
            why = str(error) if isinstance(error, Misconfigured) else "wrong form"
            found.append(
                Finding(
                    check="channels",
                    state=WRONG,
                    what=f"{name} does not open: {why}",
                    do="`paycore channels add` it again",
                )
            )
        else:
            found.append(
                await _answers(
                    visit.node, "channels", name, row.base_url, enabled=row.enabled
                )
            )
    return found or [_nothing("channels", "there are no accounts", "channels add")]


async def carriers(visit: Visit) -> list[Finding]:
    """The same of carriers."""
    found: list[Finding] = []
    known = registry.drivers()
    for row in await visit.node.journal.every(CarrierRow):
        try:
            line = registry.open_line(visit.node, row, known)
        except Misconfigured as error:
            found.append(
                Finding(
                    check="carriers",
                    state=WRONG,
                    what=f"{row.carrier} does not open: {error}",
                    do="`paycore channels carriers add` it again",
                )
            )
        else:
            found.append(
                await _answers(
                    visit.node,
                    "carriers",
                    row.carrier,
                    row.base_url,
                    enabled=row.enabled,
                    place=line.driver.place(line, within_s=ANSWER_WITHIN_S),
                )
            )
    nothing = "there are none: the SMS centre cannot text, nothing is converted"
    return found or [_nothing("carriers", nothing, "channels carriers add")]


async def ends(visit: Visit) -> list[Finding]:
    """Whether notices may go where they are wanted, and arrive there."""
    node, found = visit.node, list[Finding]()
    rows = await node.journal.every(EndpointRow)
    for row in rows:
        name = f"{row.endpoint_id} of {row.biz_line}"
        try:
            if row.enabled:
                await endpoints.check(node, row.url)
        except BadRequest as refused:
            found.append(
                Finding(
                    check="endpoints",
                    state=WRONG,
                    what=f"{name}: {refused.en}",
                    do="`paycore endpoints add` another, and disable this one",
                )
            )
        else:
            found.append(
                await _answers(node, "endpoints", name, row.url, enabled=row.enabled)
            )
    told = {row.biz_line for row in rows if row.enabled}
    found += [
        _nothing("endpoints", f"{row.biz_line} has none", "endpoints add")
        for row in await lines.list_lines(node)
        if row.enabled and row.biz_line not in told
    ]
    return found


async def _answers(
    node: Node,
    check: str,
    name: str,
    url: str,
    *,
    enabled: bool,
    place: Place | None = None,
) -> Finding:
    """Whether anything answers there; what it answers is its own business."""
    if not enabled:
        return Finding(check=check, state=NOTE, what=f"{name} is switched off")
    if not url:
        return Finding(check=check, state=GOOD, what=f"{name} is our own")
    outside = check == "endpoints" and not node.settings.allow_private_endpoints
    answer: HttpResult | Stream
    if place is None:
        answer = await _asked(node, url, public_only=outside)
    else:
        answer = await node.transport.connect(place)
    if isinstance(answer, NotSent | NoAnswer):
        return Finding(
            check=check,
            state=WRONG,
            what=f"{name} does not answer: {answer.reason}",
            do="look at the network between, or switch it off",
        )
    if not isinstance(answer, Answered):
        await answer.close()
    return Finding(check=check, state=GOOD, what=f"{name} answers")


async def _asked(node: Node, url: str, *, public_only: bool) -> HttpResult:
    request = HttpRequest(
        method="GET",
        url=url,
        headers={},
        body=b"",
        timeout_s=ANSWER_WITHIN_S,
        public_only=public_only,
    )
    return await node.transport.send(request)


# --- routes ---------------------------------------------------------------------------


async def routes(visit: Visit) -> list[Finding]:
    """What cannot be read, what leads nowhere, and lines without a route."""
    tables = await router.tables(visit.node)
    accounts = await visit.node.journal.every(AccountRow)
    found = _unreadable(tables)
    known = {(row.channel, row.account) for row in accounts}
    found += [
        Finding(
            check="routes",
            state=WRONG,
            what=f"{row.inst_trans_id} leads to {row.channel}/{row.account}: not there",
            do="`paycore channels add` it, or `paycore routes types disable`",
        )
        for row in tables.types
        if row.enabled and (row.channel, row.account) not in known
    ]
    usable = {(row.channel, row.account) for row in accounts if row.enabled}
    every = await lines.list_lines(visit.node)
    for line in every:
        if line.enabled:
            found += _of_line(line, tables, usable)
    return found or [_nothing("routes", "there are no business lines", "lines add")]


def _unreadable(tables: Tables) -> list[Finding]:
    found: list[Finding] = []
    reads: list[tuple[str, Callable[[], object]]] = [
        *((row.inst_trans_id, lambda row=row: read_offer(row)) for row in tables.types),
        *((row.rule_id, lambda row=row: read_rule(row)) for row in tables.rules),
    ]
    for name, read in reads:
        try:
            read()
        except (ValueError, ConditionError) as error:
            found.append(
                Finding(
                    check="routes",
                    state=WRONG,
                    what=f"{name} cannot be read: {error}",
                    do="save it again: `paycore routes types|rules add`",
                )
            )
    return found


def _of_line(
    line: BizLineRow, tables: Tables, usable: set[AccountKey]
) -> list[Finding]:
    """Whether each currency of a line can be paid with, and can be converted."""
    allowed = usable & {
        (row.channel, row.account)
        for row in tables.allowed
        if row.enabled and row.biz_line == line.biz_line
    }
    return [
        _of_currency(line.biz_line, currency, _kinds(tables.types, allowed, currency))
        for currency in sorted(lines.currencies(line))
    ]


def _kinds(
    types: Sequence[TransTypeRow], allowed: set[AccountKey], currency: str
) -> set[tuple[TransType, bool]]:
    """What can be done, and whether by the SMS centre."""
    return {
        (row.trans_type, row.channel == SMS_CENTRE)
        for row in types
        if row.enabled
        and (row.channel, row.account) in allowed
        and (
            row.channel == SMS_CENTRE or currency in msgspec.json.decode(row.currencies)
        )
    }


def _of_currency(
    line: str, currency: str, kinds: set[tuple[TransType, bool]]
) -> Finding:
    quick = (TransType.QUICK_PAY_SEND_MSG, False) in kinds
    lacking = [
        name
        for name, kind in (
            ("DEDUCT", (TransType.DEDUCT, False)),
            (
                "the SMS centre's QUICK_PAY_SEND_MSG",
                (TransType.QUICK_PAY_SEND_MSG, True),
            ),
            ("the SMS centre's SMS_VERIFY", (TransType.SMS_VERIFY, True)),
        )
        if kind not in kinds
    ]
    name = f"{line}, {currency}"
    if not quick and lacking:
        return Finding(
            check="routes",
            state=WRONG,
            what=f"{name}: no route at all",
            do="`paycore routes types add` and `paycore routes allow`",
        )
    if lacking:
        return Finding(
            check="routes",
            state=NOTE,
            what=f"{name}: cannot be converted, without {' and '.join(lacking)}",
            do="`paycore routes types add` and `paycore routes allow`",
        )
    if not quick:
        what = f"{name}: no quick channel, every payment is converted"
        return Finding(check="routes", state=NOTE, what=what)
    return Finding(check="routes", state=GOOD, what=f"{name}: quick pay and deduct")


async def cases(visit: Visit) -> list[Finding]:
    """Whether anything waits for a person."""
    found = await desk.cases(visit.pool, status="OPEN", limit=10_000)
    if not found:
        return [Finding(check="desk", state=GOOD, what="no open case")]
    what = f"{len(found)} open cases, the first since {found[0].opened_at}"
    return [Finding(check="desk", state=NOTE, what=what, do="`paycore desk list`")]


def _nothing(check: str, what: str, command: str) -> Finding:
    return Finding(check=check, state=NOTE, what=what, do=f"`paycore {command}`")


Check = Callable[[Visit], Awaitable[list[Finding]]]

WITHOUT_KEYS: tuple[tuple[str, Check], ...] = (
    ("clock", clock),
    ("nodes", nodes),
    ("jobs", jobs),
    ("endpoints", ends),
    ("routes", routes),
    ("desk", cases),
)
WITH_KEYS: tuple[tuple[str, Check], ...] = (
    ("keys", keys),
    ("channels", channels),
    ("carriers", carriers),
)
"""These open what is sealed."""
