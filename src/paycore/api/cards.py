"""Cards over HTTP: register one with the agreements its payer gave, look, revoke.

A card's number, name and ID number come in and never go out again.
"""

from datetime import datetime
from typing import Protocol

import msgspec
from litestar import Response, delete, get
from litestar import post as posted
from litestar.types import ASGIApp

from paycore.api.answers import NO_STORE, encode, found, kept
from paycore.api.auth import caller_of
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Plain, door_of, read
from paycore.api.idempotency import post_of
from paycore.api.numbers import readable
from paycore.api.origin import origin_of
from paycore.api.paging import after_of, cut, query_of
from paycore.api.schema import (
    Agreement,
    Card,
    CardDetails,
    Cards,
    Page,
    RegisterCard,
    SignAgreement,
    Signing,
)
from paycore.cards import bins, queries
from paycore.cards import service as cards
from paycore.cards.service import GivenAgreement, NewCard
from paycore.core import service as core
from paycore.core.agreements import service as agreements
from paycore.core.agreements.service import View, Wish
from paycore.kernel.errors import BizCheckError, DataNotExist, Duplicate, TooMany
from paycore.kernel.journal import Change
from paycore.kernel.terms import BizLineId, CardId, PayType

LONGEST_ID = 64

_REGISTER = Shape(RegisterCard)
_PAGE = Shape(Page)


@posted(
    "/v1/cards",
    opt={
        "call": Call(
            name="registerCard",
            summary="Register a card with the agreements given for it, or sign it",
            takes=RegisterCard,
            gives=((201, CardDetails),),
            refuses=(BizCheckError, Duplicate, TooMany),
            keyed=True,
            texts=True,
        )
    },
)
async def register_card(request: Plain) -> ASGIApp:
    """Register a card with the agreements given for it."""
    node = door_of(request).node
    post = await post_of(request)
    asked = _REGISTER.decode(post.body)
    new = await bins.known(node, _new_card(post.caller.biz_line, asked))
    if asked.sign is not None:
        wish, claim, origin = wish_of(asked.sign), post.claim(node), origin_of(request)
        return kept(
            request, await agreements.sign(node, new, wish, claim, _signing, origin)
        )

    def stage(change: Change) -> tuple[int, bytes]:
        row = cards.register(node, change, new)
        given = [
            _agreement(one, one.starts_at or row.created_at) for one in new.agreements
        ]
        return 201, encode(_details(row, given))

    return kept(request, await core.once(node, post.claim(node), stage))


@get(
    "/v1/cards",
    opt={
        "call": Call(
            name="listCards",
            summary="The line's cards, masked",
            asks=Page,
            gives=((200, Cards),),
        )
    },
)
async def list_cards(request: Plain) -> Response[bytes]:
    """The line's cards, masked."""
    caller, door = await caller_of(request), door_of(request)
    asked = _PAGE.convert(query_of(request))
    rows = await read(
        door,
        queries.cards_of_line(
            door.pool,
            caller.biz_line,
            after=after_of(asked.cursor),
            limit=asked.limit + 1,
        ),
    )
    page, following = cut(rows, asked.limit, [row.card_id for row in rows])
    items = [_card(row) for row in page]
    return found(Cards(items=items, next=following))


@get(
    "/v1/cards/{card_id:str}",
    opt={
        "call": Call(
            name="getCard",
            summary="One card, masked, with its live agreements",
            gives=((200, CardDetails),),
            refuses=(DataNotExist,),
        )
    },
)
async def get_card(request: Plain, card_id: str) -> Response[bytes]:
    """One card, masked, with its live agreements."""
    caller = await caller_of(request)
    node = door_of(request).node
    number = card_id_of(card_id)
    row = await cards.card_of(node, caller.biz_line, number)
    return found(details(await agreements.view_of(node, row)))


@delete(
    "/v1/cards/{card_id:str}",
    status_code=204,
    opt={
        "call": Call(
            name="revokeCard",
            summary="Revoke a card and what was agreed for it",
            gives=((204, None),),
            refuses=(DataNotExist,),
        )
    },
)
async def revoke_card(request: Plain, card_id: str) -> Response[None]:
    """Revoke a card and what was agreed for it; a second time changes nothing."""
    caller = await caller_of(request)
    node = door_of(request).node
    await agreements.revoke(node, caller.biz_line, card_id_of(card_id))
    return Response(None, status_code=204, headers=NO_STORE)


def card_id_of(text: str) -> CardId:
    """A card's id out of a path; what cannot be one names nothing."""
    if not (len(text) <= LONGEST_ID and text.isascii() and text.isprintable()):
        raise DataNotExist
    return CardId(text)


class _CardView(Protocol):
    """What may be shown of a card: a row has it, and so has a line of a list."""

    @property
    def card_id(self) -> CardId: ...
    @property
    def bin(self) -> str: ...
    @property
    def tail(self) -> str: ...
    @property
    def bank(self) -> str: ...
    @property
    def card_kind(self) -> str: ...
    @property
    def holder_masked(self) -> str: ...
    @property
    def phone_masked(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def revoked_at(self) -> datetime | None: ...


class _AgreementView(Protocol):
    """What may be shown of an agreement: all but its token."""

    @property
    def pay_type(self) -> PayType: ...
    @property
    def channel(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def single_limit(self) -> int | None: ...
    @property
    def daily_limit(self) -> int | None: ...
    @property
    def ends_at(self) -> datetime | None: ...


def _card(row: _CardView) -> Card:
    return Card(
        card_id=row.card_id,
        bin=row.bin,
        tail=row.tail,
        bank=row.bank,
        card_kind=row.card_kind,
        holder=row.holder_masked,
        phone=row.phone_masked,
        status=row.status,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )


def _details(row: _CardView, agreements: list[Agreement]) -> CardDetails:
    card = msgspec.structs.asdict(_card(row))
    return CardDetails(**card, agreements=agreements)


def details(view: View) -> CardDetails:
    """A card with what it may be used under, and how its signing stands."""
    live = [_agreement(one, one.starts_at) for one in view.agreements]
    shown = _details(view.card, live)
    row = view.signing
    if row is None:
        return shown
    signing = Signing(
        pay_type=row.pay_type,
        channel=row.channel,
        account=row.account,
        status=row.status,
        verify_status=row.verify_status,
        resp_code=row.resp_code,
        expires_at=row.expires_at,
        signed_at=row.signed_at,
        ended_at=row.ended_at,
    )
    return msgspec.structs.replace(shown, signing=signing)


def _signing(view: View) -> tuple[int, bytes]:
    return 201, encode(details(view))


def wish_of(asked: SignAgreement) -> Wish:
    """What is to be signed, and where, as core takes it."""
    return Wish(
        pay_type=asked.pay_type,
        channel=asked.channel,
        account=asked.account,
        scope=readable(asked.scope or ""),
        single_limit=asked.single_limit,
        daily_limit=asked.daily_limit,
        ends_at=asked.ends_at,
    )


def _agreement(row: _AgreementView, starts_at: datetime) -> Agreement:
    return Agreement(
        pay_type=row.pay_type,
        channel=row.channel,
        account=row.account,
        single_limit=row.single_limit,
        daily_limit=row.daily_limit,
        starts_at=starts_at,
        ends_at=row.ends_at,
    )


def _new_card(biz_line: BizLineId, asked: RegisterCard) -> NewCard:
    return NewCard(
        biz_line=biz_line,
        number=asked.number,
        name=asked.name,
        id_no=asked.id_no,
        phone=asked.phone,
        bank=asked.bank,
        card_kind=asked.card_kind,
        agreements=[
            GivenAgreement(**msgspec.structs.asdict(one)) for one in asked.agreements
        ],
    )
