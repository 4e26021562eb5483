"""Everything that is sealed with the key ring, kind by kind; no command itself.

Cards and agreements are many: they are counted by the database and gone through by
pages. The rest is configuration and read as a whole. What changes while it is being
re-sealed is left to the next pass.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from paycore.cards import queries
from paycore.cards import service as cards
from paycore.cards.rows import AgreementRow, CardRow
from paycore.cli.visit import Visit
from paycore.gateway import accounts
from paycore.gateway.rows import AccountRow
from paycore.kernel.errors import Misconfigured
from paycore.kernel.node import Node
from paycore.notify import endpoints, upkeep
from paycore.notify.rows import EndpointRow
from paycore.operators import logins
from paycore.operators.rows import LoginRow
from paycore.sms import registry
from paycore.sms.rows import CarrierRow

PAGE = 200
"""Values in flight together: enough to fill a commit, few enough to stay out of a
payment's way."""

NO_KEY = ""
"""Seals nothing: whatever is not under it is everything."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How many values of a kind a key seals."""

    kind: str
    key_id: str
    sealed: int


async def uses(visit: Visit) -> list[Use]:
    """Which keys seal how much, by kind."""
    found = [
        Use(kind=kind, key_id=key_id, sealed=count)
        for kind, key_id, count in await queries.sealed_by_key(visit.pool)
    ]
    for kind, values in (await _configuration(visit.node)).items():
        keys = Counter(visit.node.key_ring.key_of(value) for value in values)
        found += [
            Use(kind=kind, key_id=key_id, sealed=count)
            for key_id, count in sorted(keys.items())
        ]
    return found


async def _configuration(node: Node) -> dict[str, list[bytes]]:
    every = node.journal.every
    return {
        "accounts": [one for row in await every(AccountRow) for one in _both(row)],
        "carriers": [one for row in await every(CarrierRow) for one in _both(row)],
        "endpoints": [row.secrets for row in await every(EndpointRow)],
        "operators": [row.totp for row in await every(LoginRow) if row.totp],
    }


def _both(row: AccountRow | CarrierRow) -> Sequence[bytes]:
    """The credentials in use, and those that are being replaced."""
    return [one for one in (row.credentials, row.former) if one is not None]


# --- sealing anew ---------------------------------------------------------------------


async def reseal(visit: Visit) -> AsyncIterator[int]:
    """Seal what another key seals with the active one; gives how many, page by page."""
    node, active = visit.node, visit.node.key_ring.active
    async for rows in _pages(_cards(visit, active)):
        yield await _count(cards.reseal_card(node, row) for row in rows)
    async for agreed in _pages(_agreements(visit, active)):
        yield await _count(cards.reseal_agreement(node, row) for row in agreed)
    yield await _configuration_anew(node, active)


async def _configuration_anew(node: Node, active: str) -> int:
    key_of, every, done = node.key_ring.key_of, node.journal.every, 0
    for account in await every(AccountRow):
        if any(key_of(one) != active for one in _both(account)):
            await accounts.reseal(node, account)
            done += 1
    for carrier in await every(CarrierRow):
        if any(key_of(one) != active for one in _both(carrier)):
            await registry.reseal(node, carrier)
            done += 1
    for endpoint in await every(EndpointRow):
        if key_of(endpoint.secrets) != active:
            done += await upkeep.reseal(node, endpoint)
    for login in await every(LoginRow):
        if login.totp and key_of(login.totp) != active:
            done += await logins.reseal(node, login)
    return done


async def _count(work: Iterable[Awaitable[bool]]) -> int:
    """Do a page of it together: the journal writes it in one commit or a few."""
    return sum(await asyncio.gather(*work))


# --- opening --------------------------------------------------------------------------


async def shut(visit: Visit) -> AsyncIterator[tuple[int, list[tuple[str, str]]]]:
    """Open everything, and give by page how many were looked at and which stay shut:
    what it is, and why.
    """
    node = visit.node
    async for rows in _pages(_cards(visit, NO_KEY)):
        yield len(rows), _shut(rows, _card_name, lambda row: cards.facts(node, row))
    async for agreed in _pages(_agreements(visit, NO_KEY)):
        yield (
            len(agreed),
            _shut(agreed, _agreement_name, lambda row: cards.token(node, row)),
        )
    ends = await node.journal.every(EndpointRow)
    yield (
        len(ends),
        _shut(
            ends,
            lambda row: f"end point {row.endpoint_id}",
            lambda row: endpoints.unsealed(node, row),
        ),
    )
    people = [row for row in await node.journal.every(LoginRow) if row.totp]
    yield (
        len(people),
        _shut(
            people,
            lambda row: f"log-in of {row.operator_id}",
            lambda row: logins.opened(node, row),
        ),
    )


def _card_name(row: CardRow) -> str:
    return f"card {row.card_id}"


def _agreement_name(row: AgreementRow) -> str:
    return f"agreement {row.card_id} {row.pay_type} {row.channel}/{row.account}"


def _shut(
    rows: Sequence[T], name: Callable[[T], str], open_one: Callable[[T], object]
) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for row in rows:
        try:
            open_one(row)
        except Misconfigured as error:
            found.append((name(row), str(error)))
    return found


# --- pages ----------------------------------------------------------------------------

Page = Callable[[T | None], Awaitable[list[T]]]


def _cards(visit: Visit, not_under: str) -> Page[CardRow]:
    async def page(after: CardRow | None) -> list[CardRow]:
        return await queries.cards_not_under(
            visit.pool, not_under, after=after, limit=PAGE
        )

    return page


def _agreements(visit: Visit, not_under: str) -> Page[AgreementRow]:
    async def page(after: AgreementRow | None) -> list[AgreementRow]:
        return await queries.agreements_not_under(
            visit.pool, not_under, after=after, limit=PAGE
        )

    return page


async def _pages(page: Page[T]) -> AsyncIterator[list[T]]:
    """Page after page, to the end."""
    after: T | None = None
    while rows := await page(after):
        yield rows
        after = rows[-1]
