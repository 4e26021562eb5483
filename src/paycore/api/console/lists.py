"""Refunds, agreements and coupons as operators see them."""

import re
from typing import cast

from litestar import Response, get

from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.console.keyset import key_of, moment_key, moment_of, parts_of
from paycore.api.console.looking import named, refuse_secret
from paycore.api.console.payments_schema import (
    ConsoleAgreements,
    ConsoleCoupons,
    ConsoleRefund,
    ConsoleRefunds,
    SearchAgreements,
    SearchConsoleRefunds,
    SearchCoupons,
)
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Door, Plain, door_of, read
from paycore.api.paging import after_of, cursor_of, query_of
from paycore.core.agreements import queries as agreements
from paycore.core.looks import queries as payments
from paycore.core.looks.numbers import ours_in
from paycore.core.refunds import queries as refunds
from paycore.coupon import queries as coupons
from paycore.kernel.errors import BadRequest, DataNotExist
from paycore.kernel.terms import PayOrderNo, RefundNo
from paycore.lines import service as lines
from paycore.operators.roles import May

_REFUNDS = Shape(SearchConsoleRefunds)
_AGREEMENTS = Shape(SearchAgreements)
_COUPONS = Shape(SearchCoupons)

_REFUND_NO = re.compile(r"([0-9A-Z]{26})[RM][0-9]{2}")


@get(
    "/v1/console/refunds",
    opt={
        "call": Call(
            name="searchConsoleRefunds",
            summary="Search refunds of all lines, those of the newest payments first; "
            "with result=unknown the oldest first",
            asks=SearchConsoleRefunds,
            gives=((200, ConsoleRefunds),),
            may=May.READ,
        )
    },
)
async def search_refunds(request: Plain) -> Response[bytes]:
    """Refunds of all lines."""
    await operator_of(request)
    door, asked = door_of(request), _REFUNDS.convert(query_of(request))
    if asked.since and asked.until and asked.since > asked.until:
        raise BadRequest("from is after to.", "from 晚于 to", field="from")
    refuse_secret(asked.q)
    page = await (_newest if asked.result is None else _oldest)(door, asked)
    return found(
        ConsoleRefunds(
            items=page.lines,
            next=cursor_of(page.before),
            searched_from=page.searched_from,
        )
    )


async def _newest(door: Door, asked: SearchConsoleRefunds) -> refunds.Page:
    return await read(
        door,
        refunds.page(
            *(door.pool, await _wanted(door, asked)),
            before=after_of(asked.cursor),
            limit=asked.limit,
        ),
    )


async def _oldest(door: Door, asked: SearchConsoleRefunds) -> refunds.Page:
    """Those whose result is unknown: all that are open are looked at."""
    key = after_of(asked.cursor)
    page = await read(
        door,
        refunds.oldest_unknown(
            *(door.pool, await _wanted(door, asked)),
            after=None if key is None else moment_of(key),
            limit=asked.limit,
        ),
    )
    following = None if page.after is None else moment_key(*page.after)
    return refunds.Page(lines=page.lines, before=following, searched_from=None)


async def _wanted(door: Door, asked: SearchConsoleRefunds) -> refunds.Asked:
    """What was asked for, its number looked up."""
    return refunds.Asked(
        numbers=None if asked.q is None else await named(door, asked.q),
        status=asked.status,
        since=asked.since,
        until=asked.until,
        biz_line=asked.biz_line,
        channel=asked.channel,
    )


@get(
    "/v1/console/refunds/{refund_no:str}",
    opt={
        "call": Call(
            name="getConsoleRefund",
            summary="One refund, what happened to it, and its messages, masked",
            gives=((200, ConsoleRefund),),
            refuses=(DataNotExist,),
            may=May.READ,
        )
    },
)
async def get_refund(request: Plain, refund_no: str) -> Response[bytes]:
    """One refund with what happened to it."""
    await operator_of(request)
    door, known = door_of(request), _REFUND_NO.fullmatch(refund_no)
    if known is None:
        raise DataNotExist
    no, number = PayOrderNo(known[1]), RefundNo(refund_no)
    line, steps = await read(door, refunds.steps(door.pool, no, number))
    items = await read(door, payments.timeline(door.pool, no))
    return found(
        ConsoleRefund(
            refund=line,
            steps=steps,
            messages=[
                one
                for one in items
                if one.kind == "message" and one.detail.get("refund_no") == number
            ],
        )
    )


@get(
    "/v1/console/agreements",
    opt={
        "call": Call(
            name="searchAgreements",
            summary="Agreements and mandates, with those that are being signed",
            asks=SearchAgreements,
            gives=((200, ConsoleAgreements),),
            may=May.READ,
        )
    },
)
async def search_agreements(request: Plain) -> Response[bytes]:
    """Agreements of all cards."""
    await operator_of(request)
    door, asked = door_of(request), _AGREEMENTS.convert(query_of(request))
    refuse_secret(asked.q)
    place = parts_of(asked.cursor, len(agreements.BEHIND_ALL))
    cards = (
        None
        if asked.q is None
        else await read(door, agreements.cards_of(door.pool, asked.q))
    )
    page = await read(
        door,
        agreements.page(
            door.pool,
            cards=cards,
            state=asked.state,
            channel=asked.channel,
            before=None if place is None else cast("agreements.Place", place),
            limit=asked.limit,
        ),
    )
    following = None if page.before is None else key_of(*page.before)
    return found(ConsoleAgreements(items=page.lines, next=cursor_of(following)))


@get(
    "/v1/console/coupons",
    opt={
        "call": Call(
            name="searchCoupons",
            summary="Coupons, or what orders have of coupons that live elsewhere",
            asks=SearchCoupons,
            gives=((200, ConsoleCoupons),),
            may=May.READ,
        )
    },
)
async def search_coupons(request: Plain) -> Response[bytes]:
    """Coupons of all lines."""
    await operator_of(request)
    door, asked = door_of(request), _COUPONS.convert(query_of(request))
    refuse_secret(asked.q)
    elsewhere = bool(door.node.settings.coupon_url)
    page = await (_held if elsewhere else _kept)(door, asked)
    following = None if page.after is None else key_of(*page.after)
    return found(ConsoleCoupons(items=page.lines, next=cursor_of(following)))


async def _kept(door: Door, asked: SearchCoupons) -> coupons.Page:
    """Coupons that are rows of ours; by a payment's number the one that it named."""
    place, wanted = parts_of(asked.cursor, 2), asked.q
    if wanted is not None and (no := ours_in(wanted)) is not None:
        try:
            rows = await read(door, payments.whole(door.pool, PayOrderNo(no)))
        except DataNotExist:
            return coupons.Page(lines=[], after=None)
        wanted = rows.payment.coupon_no or ""
    return await read(
        door,
        coupons.page(
            door.pool,
            lines=lines.every(door.node),
            coupon_no=wanted,
            state=asked.state,
            after=None if place is None else (place[0], place[1]),
            limit=asked.limit,
        ),
    )


async def _held(door: Door, asked: SearchCoupons) -> coupons.Page:
    place = parts_of(asked.cursor, 2)
    return await read(
        door,
        coupons.held(
            door.pool,
            numbers=None if asked.q is None else await named(door, asked.q),
            state=asked.state,
            before=None if place is None else place[1],
            limit=asked.limit,
        ),
    )
