"""The vault's door, on a real database."""

import asyncio
import hashlib
from datetime import timedelta

import asyncpg
import msgspec
import pytest

from paycore.cards import queries, service
from paycore.cards.rows import AgreementRow, CardRow
from paycore.cards.service import GivenAgreement, NewCard
from paycore.core.agreements import service as agreements
from paycore.kernel.errors import BadRequest, DataNotExist, Misconfigured
from paycore.kernel.terms import BizLineId, CardId, PayType

NUMBER, PHONE, ID_NO = "6222021234567894", "+8613800138000", "11010519491231002X"
SHOP = BizLineId("shop")


def card(**changes: object) -> NewCard:
    given: dict[str, object] = {
        "biz_line": SHOP,
        "number": NUMBER,
        "name": "张三丰",
        "id_no": ID_NO,
        "phone": PHONE,
        "agreements": [
            GivenAgreement(
                pay_type=PayType.QUICK_PAY,
                channel="quick_a",
                account="main",
                token="AGREEMENT-7788",
            ),
            GivenAgreement(
                pay_type=PayType.DEDUCT,
                channel="deduct_a",
                account="main",
                token="MANDATE-9900",
                single_limit=500,
            ),
        ],
        **changes,
    }
    return NewCard(**given)


async def registered(node, **changes) -> CardRow:
    change = node.change()
    row = service.register(node, change, card(**changes))
    assert await node.journal.commit(change) is None
    return row


async def test_a_card_comes_back_in_clear_for_a_call_only(node):
    """What is sealed opens again with the ring; the row shows a mask."""
    row = await registered(node)

    kept = await service.card_of(node, SHOP, row.card_id)
    facts = service.facts(node, kept)

    assert (NUMBER, "张三丰", ID_NO, PHONE) == (
        facts.number,
        facts.name,
        facts.id_no,
        facts.phone,
    )
    assert ("ICBC", "DEBIT", "7894") == (kept.bank, kept.card_kind, kept.tail)
    assert "CardSecrets(…)" == repr(facts)
    assert NUMBER not in repr(card())


async def test_the_database_holds_nothing_that_can_be_read(node, dsn):
    """No number, name, ID number, phone or token is in a dump, nor its plain hash."""
    await registered(node)
    dump = await asyncio.to_thread(_dump, dsn)

    for secret in (NUMBER, "张三丰", ID_NO, PHONE, "AGREEMENT-7788", "MANDATE-9900"):
        octets = secret.encode()
        assert octets not in dump
        assert octets.hex().encode() not in dump
        assert hashlib.sha256(octets).hexdigest().encode() not in dump


async def test_a_value_moved_to_another_card_does_not_open(node):
    """A sealed value is bound to its row: swapping rows gives nobody another's card."""
    one, other = await registered(node), await registered(node)
    forged = msgspec.structs.replace(one, sealed=other.sealed)

    with pytest.raises(Misconfigured):
        service.facts(node, forged)


async def test_the_same_number_is_found_by_its_keyed_hash(node):
    """Two registrations of one number have one hash, and ids of their own."""
    one, other = await registered(node), await registered(node)

    assert one.number_hash == other.number_hash
    assert one.card_id != other.card_id


async def test_only_live_agreements_count(node):
    """What has not begun, has ended or is of the other kind is not offered."""
    now = node.now()
    hour = timedelta(hours=1)
    times = {
        "live": (now - hour, now + hour),
        "early": (now + hour, None),
        "ended": (now - 2 * hour, now - hour),
    }
    row = await registered(
        node,
        agreements=[
            GivenAgreement(
                pay_type=PayType.DEDUCT,
                channel=channel,
                account="main",
                token=f"token-{channel}",
                starts_at=starts,
                ends_at=ends,
            )
            for channel, (starts, ends) in times.items()
        ],
    )

    found = await service.agreements(node, row.card_id, PayType.DEDUCT, now)

    assert ["live"] == [one.channel for one in found]
    assert "token-live" == service.token(node, found[0])
    assert [] == await service.agreements(node, row.card_id, PayType.QUICK_PAY, now)


async def test_what_was_just_agreed_upon_is_in_force_everywhere(node):
    """At a node whose clock is a little behind, a fresh agreement counts as well."""
    given = GivenAgreement(
        pay_type=PayType.DEDUCT, channel="deduct_a", account="main", token="t"
    )
    row = await registered(node, agreements=[given])
    behind = node.now() - timedelta(seconds=0.5)

    assert await service.agreements(node, row.card_id, PayType.DEDUCT, behind)


async def test_another_lines_card_does_not_exist(node):
    """Cards of other lines and cards that never were look alike (I24)."""
    row = await registered(node)

    for line, card_id in (("other", row.card_id), (SHOP, CardId("card_none"))):
        with pytest.raises(DataNotExist):
            await service.card_of(node, BizLineId(line), card_id)
        with pytest.raises(DataNotExist):
            await agreements.revoke(node, BizLineId(line), card_id)


async def test_a_revoked_card_has_no_agreement_left(node):
    """Revoking ends the card and all that was agreed for it, once."""
    row = await registered(node)

    await agreements.revoke(node, SHOP, row.card_id)
    revoked = await service.card_of(node, SHOP, row.card_id)
    await agreements.revoke(node, SHOP, row.card_id)
    again = await service.card_of(node, SHOP, row.card_id)

    assert ("REVOKED", revoked) == (revoked.status, again)
    assert {"REVOKED"} == {
        one.status for one in await node.journal.within(AgreementRow, row.card_id)
    }
    assert [] == await service.live_agreements(node, row.card_id, node.now())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", "6222021234567890"),
        ("name", " "),
        ("name", "a\x00b"),
        ("id_no", "110105194912310021"),
        ("phone", "13800138000"),
        ("bank", "icbc!"),
        ("card_kind", "GOLD"),
    ],
)
async def test_what_is_wrong_is_named_and_not_repeated(node, field, value):
    """A refusal names our field and shows nothing of its value."""
    change = node.change()

    with pytest.raises(BadRequest) as caught:
        service.register(node, change, card(**{field: value}))

    assert field == caught.value.field
    assert value not in caught.value.en + caught.value.zh or value == " "
    assert change.empty


async def test_an_unknown_bin_needs_its_bank(node):
    """Where no table knows the card, the caller has to."""
    unknown = "9999990000000006"
    with pytest.raises(BadRequest) as caught:
        service.register(node, node.change(), card(number=unknown))
    row = await registered(node, number=unknown, bank="CGB", card_kind="CREDIT")

    assert "bank" == caught.value.field
    assert ("CGB", "CREDIT") == (row.bank, row.card_kind)


async def test_an_agreement_is_given_once(node):
    """Two agreements of one kind at one account are a mistake of the caller's."""
    twice = [
        GivenAgreement(pay_type=PayType.DEDUCT, channel="a", account="m", token=token)
        for token in ("one", "two")
    ]

    with pytest.raises(BadRequest) as caught:
        service.register(node, node.change(), card(agreements=twice))

    assert "agreements" == caught.value.field


async def test_a_lines_cards_are_paged(node, dsn):
    """Pages follow one another without a gap and hold the line's cards only."""
    line = BizLineId("paged")
    ids = sorted([(await registered(node, biz_line=line)).card_id for _ in range(3)])

    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        first = await queries.cards_of_line(pool, line, after=None, limit=2)
        rest = await queries.cards_of_line(pool, line, after=first[-1].card_id, limit=2)

    assert ids == [one.card_id for one in (*first, *rest)]


def _dump(dsn: str) -> bytes:
    async def rows() -> bytes:
        connection = await asyncpg.connect(dsn)
        try:
            found = [
                await connection.fetch(f"SELECT t::text FROM {table} AS t")
                for table in ("cards_card", "cards_agreement")
            ]
        finally:
            await connection.close()
        return "\n".join(str(record[0]) for part in found for record in part).encode()

    return asyncio.run(rows())
