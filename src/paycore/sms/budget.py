"""What a text takes of the budgets that no phone has: an address's, a line's, a day's,
and what may be spent at a carrier.

Each is one row a period (`kernel/journal.py`: limits), so it is exact over all nodes. A
code's row says what it holds, so that it is given back once and no more, and so that
the auditor can count (I29). What is unlimited is not counted, and has no row.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Address, ip_address, ip_network

import msgspec

from paycore.kernel import log
from paycore.kernel.clock import start_of_day
from paycore.kernel.config import Settings
from paycore.kernel.config_texts import NO_LIMIT
from paycore.kernel.crypto import keyed_hash
from paycore.kernel.journal import Change, LimitCounter
from paycore.kernel.meters import Tally
from paycore.kernel.meters_upkeep import SMS_FUSES
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import Json, Origin
from paycore.sms.carrier import Line
from paycore.sms.delivery import Sent
from paycore.sms.quota import Quota

SPEND = "sms.spend"
"""Refused by this guard, another text has taken the last of a carrier's money since it
was looked at: whoever asks again passes that carrier over."""

SPENT = "sms.spent"
"""Refused by this guard, no carrier has money left today."""

NETWORK_BITS = 64
"""Of an IPv6 address: the rest is the subscriber's own to choose."""

_TEXTED = (Outcome.SUCCEEDED, Outcome.UNKNOWN)
_SPEND = "text.spend:"

_log = log.get(__name__)

Held = tuple[str, int, datetime]
"""A counter, what is held of it, and when it is no longer asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """For whom a text is to be sent."""

    biz_line: str
    origin: Origin | None


@dataclass(slots=True)
class Told:
    """The fuses that this node knows to be told of."""

    fuses: set[str] = field(default_factory=set)


# --- counts ---------------------------------------------------------------------------


def quotas_of(settings: Settings, asked: Asked, now: datetime) -> tuple[Quota, ...]:
    """What one text takes, whoever carries it."""
    return tuple(each for each in _quotas(settings, asked, now) if each.limit)


def _quotas(settings: Settings, asked: Asked, now: datetime) -> Iterator[Quota]:
    day = start_of_day(now)
    hour = day + timedelta(hours=now.hour)
    if asked.origin is not None:
        who = "payer" if asked.origin.told else "caller"
        limit = {
            "payer": settings.code_per_payer_hour,
            "caller": settings.code_per_caller_hour,
        }[who]
        yield Quota(
            guard=f"sms.{who}_hour",
            counter=f"text.{who}:{_hashed(settings, asked.origin)}:{hour:%Y%m%d%H}",
            limit=_bounded(limit),
            expires_at=hour + timedelta(hours=2),
        )
    until = day + timedelta(days=2)
    if asked.biz_line:
        yield Quota(
            guard="sms.line_day",
            counter=f"text.line:{asked.biz_line}:{day:%Y%m%d}",
            limit=_bounded(settings.code_per_line_day),
            expires_at=until,
        )
    yield Quota(
        guard="sms.day",
        counter=f"text.day:{day:%Y%m%d}",
        limit=_bounded(settings.code_per_day),
        expires_at=until,
    )


def quotas_by_bank(
    settings: Settings, origin: Origin | None, now: datetime
) -> tuple[Quota, ...]:
    """What one text of a bank's takes of its payer's address, where the line tells it.

    It costs us nothing, so no other budget knows of it; and no code's row holds it.
    """
    limit = _bounded(settings.code_by_bank_per_payer_hour)
    if origin is None or not origin.told or not limit:
        return ()
    hour = start_of_day(now) + timedelta(hours=now.hour)
    quota = Quota(
        guard="sms.bank_payer_hour",
        counter=f"sms.bank_payer:{_hashed(settings, origin)}:{hour:%Y%m%d%H}",
        limit=limit,
        expires_at=hour + timedelta(hours=2),
    )
    return (quota,)


def _bounded(limit: int) -> int:
    """None at all (0) for what is unlimited."""
    return 0 if limit >= NO_LIMIT else limit


def _hashed(settings: Settings, origin: Origin) -> str:
    """An address says who somebody is: what is kept of it cannot be turned back."""
    address = ip_address(origin.address)
    if not isinstance(address, IPv4Address):
        address = ip_network((address, NETWORK_BITS), strict=False).network_address
    return keyed_hash(settings.code_key_octets, "address", str(address)).hex()


# --- money ----------------------------------------------------------------------------


async def within_budget(
    node: Node, lines: Sequence[Line], now: datetime
) -> tuple[tuple[Line, ...], tuple[Quota, ...]]:
    """The carriers that have money left today, and what a text takes of theirs.

    It is taken of each that may be tried, and given back of each that was not. Where
    none has any left, what is staged is refused, by the guard `SPENT`.
    """
    free: list[Line] = []
    taken: list[Quota] = []
    spends = [_spend(node.settings, line, now) for line in lines]
    # At once, so that it is one statement however many carriers there are.
    left = await asyncio.gather(*(_left(node, quota) for quota in spends))
    for line, quota, some in zip(lines, spends, left, strict=True):
        if quota is None:
            free.append(line)
        elif some:
            free.append(line)
            taken.append(quota)
        else:
            await _tell(node, line, quota)
    if free or not lines:
        return tuple(free), tuple(taken)
    last = spends[-1]
    assert last is not None, "what has no budget has always some left"
    return (lines[-1],), (replace(last, guard=SPENT),)


def counter_of(line: Line, now: datetime) -> str:
    """The name of a carrier's counter of the day."""
    return f"{_SPEND}{line.carrier}:{start_of_day(now):%Y%m%d}"


def _spend(settings: Settings, line: Line, now: datetime) -> Quota | None:
    price = settings.sms_price if line.price is None else line.price
    most = settings.sms_spend_per_day
    most = most if line.spend_per_day is None else line.spend_per_day
    if not price or not most:
        return None
    return Quota(
        guard=SPEND,
        counter=counter_of(line, now),
        amount=price,
        limit=most,
        expires_at=start_of_day(now) + timedelta(days=2),
    )


async def _left(node: Node, quota: Quota | None) -> bool:
    if quota is None:
        return True
    row = await node.journal.load(LimitCounter, quota.counter)
    return (row.used if row is not None else 0) + quota.amount <= quota.limit


async def _tell(node: Node, line: Line, quota: Quota) -> None:
    """An ERROR and a count, once a carrier and day: the first of all nodes tells it."""
    told = node.state(Told).fuses
    if quota.counter in told:
        return
    change = node.change()
    change.count(f"told.{quota.counter}", 1, limit=1, expires_at=quota.expires_at)
    first = await node.journal.commit(change) is None
    told.add(quota.counter)
    if first:
        node.state(Tally).count(SMS_FUSES, line.carrier)
        _log.error("sms_budget_spent", carrier=line.carrier, most=quota.limit)


# --- what a code holds ----------------------------------------------------------------


def held_by(quotas: Sequence[Quota]) -> Json | None:
    """What a code's row remembers of it."""
    if not quotas:
        return None
    held = [(each.counter, each.amount, each.expires_at) for each in quotas]
    return Json(msgspec.json.encode(held).decode())


def give_back(change: Change, held: Json | None, kept: Sequence[str]) -> Json | None:
    """Give back all but what is kept, by the counters' names; what is held now."""
    if held is None:
        return None
    stays: list[Held] = []
    for counter, amount, expires_at in msgspec.json.decode(held, type=list[Held]):
        if counter in kept:
            stays.append((counter, amount, expires_at))
        else:
            change.count(counter, -amount, limit=None, expires_at=expires_at)
    return Json(msgspec.json.encode(stays).decode()) if stays else None


def kept_of(held: Json | None, sent: Sent) -> Sequence[str]:
    """What stays taken after a send: of the carriers that texted, or may have; and of
    the counts, where any did.
    """
    if held is None:
        return ()
    texted = {
        f"{_SPEND}{tried.message.line.carrier}:"
        for tried in sent.tried
        if tried.delivery.outcome in _TEXTED
    }
    # Broken off, with nobody's word: any of them may have.
    broken_off = not sent.tried and sent.outcome in _TEXTED
    names = [counter for counter, *_ in msgspec.json.decode(held, type=list[Held])]
    return [
        name
        for name in names
        if broken_off
        or name.startswith(tuple(texted))
        or (texted and not name.startswith(_SPEND))
    ]


def wait_s(now: datetime, guard: str) -> int:
    """After how many seconds a limit that was full begins anew."""
    day = start_of_day(now)
    if guard.endswith("_hour"):
        until = day + timedelta(hours=now.hour + 1)
    else:
        until = day + timedelta(days=1)
    return max(1, int((until - now).total_seconds()) + 1)
