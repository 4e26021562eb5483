"""A card that was over long ago is emptied of what is secret in it."""

import pytest

from paycore.cards import queries as card_queries
from paycore.cards import service as cards
from paycore.cards.rows import AgreementRow, CardRow
from paycore.core.agreements import service as agreements
from paycore.kernel.terms import BizLineId, PayType
from paycore.retention.service import plan, remove

SHOP = BizLineId("shop")

ASKED = """
INSERT INTO agreement_signing
    (card_id, signing_no, version, biz_line, pay_type, channel, account, scope, slot,
     status, last_event, events, step, confirms, revokes, resp_code, created_at,
     expires_at, quiet_from, checks, next_check_at)
VALUES ($1, 'S1', 1, 'shop', 'QUICK_PAY', 'a', 'main', '', '', 'PENDING', '', 0, '',
        0, 0, '', now(), now(), now(), 0, now())
"""
NEVER_SIGNED = """
UPDATE agreement_signing SET status = $1, last_event = $2, ended_at = $3,
       next_check_at = NULL
"""
ENDED = """
UPDATE agreement_signing SET status = 'REVOKING', last_event = 'REVOKE_ASKED',
       ended_at = now()
"""
ACKNOWLEDGED = """
UPDATE agreement_signing SET status = 'REVOKED', last_event = 'REVOKE_ACKNOWLEDGED',
       next_check_at = NULL
"""


@pytest.fixture
async def card(node):
    """A card with an agreement."""
    change = node.change()
    row = cards.register(
        node,
        change,
        cards.NewCard(
            biz_line=SHOP,
            number="6222020200112233446",
            name="王五",
            id_no="110101199003074178",
            phone="+8613800138000",
            agreements=[
                cards.GivenAgreement(
                    pay_type=PayType.DEDUCT, channel="a", account="main", token="t"
                )
            ],
        ),
    )
    assert await node.journal.commit(change) is None
    return row


async def revoked(node, pool, card, at):
    """The card, revoked then."""
    await agreements.revoke(node, SHOP, card.card_id)
    await pool.execute("UPDATE cards_card SET revoked_at = $1", at)


@pytest.fixture(autouse=True)
async def no_cards(pool):
    """Each test has its own."""
    yield
    await pool.execute(
        "DELETE FROM cards_card; DELETE FROM cards_agreement; "
        "TRUNCATE agreement_signing"
    )


async def test_a_card_is_emptied_in_time(past, node, pool, dsn, card):
    """Number, holder, ID number, phone and tokens go, hashes too; what may be shown
    stays, for the payments that were made with it.
    """
    await revoked(node, pool, card, past.ago(181))
    assert 1 == plan_of(await plan(node, pool)).past_rows
    report = await remove(node, dsn)

    kept = await node.journal.load(CardRow, card.card_id)
    assert (b"", b"", b"") == (kept.sealed, kept.number_hash, kept.phone_hash)
    assert (card.bin, card.tail, "REVOKED") == (kept.bin, kept.tail, kept.status)
    (agreement,) = await node.journal.within(AgreementRow, card.card_id)
    assert (b"", "REVOKED") == (agreement.token, agreement.status)
    assert 1 == plan_of(report).removed_rows
    assert ["EMPTIED"] == [r["how"] for r in await past.removals()]
    assert 0 == plan_of(await remove(node, dsn)).removed_rows


def plan_of(report):
    """The line about cards."""
    (line,) = (one for one in report.lines if one.table == "cards_card")
    return line


async def test_a_card_in_use_and_one_revoked_of_late_stay(past, node, pool, dsn, card):
    """Nothing of a card goes that may be paid with, or that somebody may ask after."""
    await remove(node, dsn)
    assert b"" != (await node.journal.load(CardRow, card.card_id)).sealed
    await revoked(node, pool, card, past.ago(179))
    await remove(node, dsn)

    assert b"" != (await node.journal.load(CardRow, card.card_id)).sealed


async def test_a_card_that_something_open_needs_stays(past, node, pool, dsn, card):
    """An enquiry or a refund of an open payment may need it."""
    await past.payment(past.ago(300), open_still=True, card_id=card.card_id)
    await revoked(node, pool, card, past.ago(200))
    await remove(node, dsn)

    assert b"" != (await node.journal.load(CardRow, card.card_id)).sealed


async def test_a_token_stays_for_as_long_as_its_bank_is_to_be_told(
    past, node, pool, dsn, card
):
    """It is told of the revocation with the token, for as long as it takes; number,
    holder and phone are not needed for that.
    """
    await revoked(node, pool, card, past.ago(200))
    await pool.execute(ASKED, card.card_id)
    await pool.execute(ENDED)
    assert 1 == plan_of(await remove(node, dsn)).removed_rows
    assert 0 == plan_of(await remove(node, dsn)).removed_rows

    (agreement,) = await node.journal.within(AgreementRow, card.card_id)
    assert b"" == (await node.journal.load(CardRow, card.card_id)).sealed
    assert b"" != agreement.token
    await pool.execute(ACKNOWLEDGED)
    assert 1 == plan_of(await remove(node, dsn)).removed_rows
    (agreement,) = await node.journal.within(AgreementRow, card.card_id)
    kept = await node.journal.load(CardRow, card.card_id)
    assert (b"", b"", b"") == (agreement.token, kept.number_hash, kept.phone_hash)
    assert 0 == plan_of(await remove(node, dsn)).removed_rows


@pytest.mark.parametrize("status", ["REFUSED", "EXPIRED"])
async def test_a_card_that_was_never_signed_is_emptied(  # noqa: PLR0917 - fixtures
    past, node, pool, dsn, card, status
):
    """Its age is counted from the end of the signing: nobody will revoke it."""
    await pool.execute(ASKED, card.card_id)
    await pool.execute(NEVER_SIGNED, status, f"SIGN_{status}", past.ago(179))
    await pool.execute("UPDATE cards_card SET status = $1", status)
    assert 0 == plan_of(await remove(node, dsn)).removed_rows
    await pool.execute(
        "ALTER TABLE agreement_signing DISABLE TRIGGER USER;"
        "UPDATE agreement_signing SET ended_at = ended_at - interval '2 days';"
        "ALTER TABLE agreement_signing ENABLE TRIGGER USER"
    )
    assert 1 == plan_of(await plan(node, pool)).past_rows
    report = await remove(node, dsn)

    kept = await node.journal.load(CardRow, card.card_id)
    assert 1 == plan_of(report).removed_rows
    assert (b"", b"", b"") == (kept.sealed, kept.number_hash, kept.phone_hash)
    assert (card.tail, status) == (kept.tail, kept.status)
    (agreement,) = await node.journal.within(AgreementRow, card.card_id)
    assert b"" == agreement.token


async def test_no_key_seals_an_emptied_card(past, node, pool, dsn, card):
    """The rotation of the key ring and `paycore doctor` pass over it."""
    await revoked(node, pool, card, past.ago(181))
    await remove(node, dsn)

    assert [] == await card_queries.sealed_by_key(pool)
    assert [] == await card_queries.cards_not_under(pool, "", after=None, limit=9)
    assert [] == await card_queries.agreements_not_under(pool, "", after=None, limit=9)
