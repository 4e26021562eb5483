"""UnionPay's voids (31): which refund is one, and that it stays one whoever asks."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace
from unionpay_calls import (
    DRIVER,
    ORDER,
    account_of,
    an_ask,
    answer,
    asked,
    assert_unknown,
    enquiry,
    found,
    notify,
    read,
)
from unionpay_peer import Peer

from paycore.gateway.call import Ask, Operation
from paycore.gateway.channel import Account
from paycore.kernel.outcome import Blame, Outcome

BEIJING = timezone(timedelta(hours=8))
TAKEN = datetime(2026, 3, 4, 17, 18, 32, tzinfo=BEIJING)


@pytest.fixture(scope="module")
def peer() -> Peer:
    return Peer()


@pytest.fixture(scope="module")
def account(peer: Peer) -> Account:
    return account_of(peer, void_before="22:30")


def refund(back: datetime = TAKEN + timedelta(hours=1), **changes: object) -> Ask:
    """Of all that was taken, as core asks for it."""
    about = {"opened_at": back, "asked_at": back, "original_opened_at": TAKEN}
    about |= {"original_amount": 1000, "original_operation": Operation.CONFIRM}
    return an_ask(Operation.REFUND, **(about | changes))


def moment(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}"


@pytest.mark.parametrize(
    ("back", "changes", "kind"),
    [
        (TAKEN + timedelta(hours=1), {}, "31"),
        (TAKEN, {}, "31"),
        (TAKEN.replace(hour=22, minute=29, second=59, microsecond=999_999), {}, "31"),
        (TAKEN.replace(hour=22, minute=30, second=0), {}, "04"),
        (TAKEN.replace(hour=23, minute=59), {}, "04"),
        (TAKEN + timedelta(days=1, hours=-10), {}, "04"),
        (TAKEN + timedelta(hours=1), {"amount": 999}, "04"),
        (TAKEN + timedelta(hours=1), {"original_amount": None}, "04"),
        (TAKEN + timedelta(hours=1), {"original_opened_at": None}, "04"),
    ],
)
def test_which_refund_is_a_void(account, back, changes, kind):
    """All of a charge of that day, before the hour; by Beijing's clock, and by the
    refund's own moment. Every other goes by 04.
    """
    fields = asked(account, refund(back, **changes))

    assert (kind, "00") == (fields["txnType"], fields["txnSubType"])
    assert moment(back) == fields["txnTime"]


@pytest.mark.parametrize("zone", [BEIJING, UTC, timezone(timedelta(hours=-9))])
def test_it_is_by_beijings_clock(account, zone):
    """However a moment is written down: one o'clock in the morning is today's there,
    and yesterday's almost everywhere else.
    """
    taken = datetime(2026, 3, 5, 1, tzinfo=BEIJING)
    day = refund(
        (taken + timedelta(hours=8)).astimezone(zone),
        original_opened_at=taken.astimezone(zone),
    )
    before = refund(
        taken.astimezone(zone),
        original_opened_at=(taken - timedelta(hours=2)).astimezone(zone),
    )

    assert "31" == asked(account, day)["txnType"]
    assert "04" == asked(account, before)["txnType"]


def test_without_the_setting_there_is_none(peer):
    """Nobody gets one who did not ask for it."""
    assert "04" == asked(account_of(peer), refund())["txnType"]


def test_sent_again_it_is_the_same_trade(account):
    """Its moment is that of the first call, whenever it is sent: so after the hour, and
    on another day, it is still what it was.
    """
    first = asked(account, refund())
    late = refund(asked_at=TAKEN + timedelta(hours=6))
    again = asked(account, late)

    for name in ("txnType", "orderId", "txnTime", "txnAmt", "origQryId"):
        assert first[name] == again[name]


def test_a_void_names_what_a_refund_names(account):
    """The product of its charge, the charge, all of it, and where to tell."""
    fields = asked(account, refund())
    deducted = asked(account, refund(original_operation=Operation.DEDUCT))

    assert ("000902", "000501") == (fields["bizType"], deducted["bizType"])
    assert (f"{ORDER}R01", "1000", ORDER) == (
        *(fields["orderId"], fields["txnAmt"], fields["reqReserved"]),
    )
    assert fields["origQryId"]
    assert fields["backUrl"]
    assert "currencyCode" not in fields


@pytest.mark.parametrize("void_before", ["24:00", "00:00", "7:00", "12:60", "noon"])
def test_what_is_no_time_of_day_is_refused(peer, void_before):
    """When it is saved; and midnight, before which there is nothing of the day."""
    with pytest.raises(ValueError, match="void_before"):
        account_of(peer, void_before=void_before)


# --- what is believed -----------------------------------------------------------------


def said(code: str, **changes: str) -> dict[str, str]:
    """The reply to a void."""
    at = moment(TAKEN + timedelta(hours=1))
    return answer(Operation.REFUND, code, txnType="31", txnTime=at, **changes)


@pytest.mark.parametrize(
    ("code", "outcome", "blame"),
    [
        ("00", Outcome.PENDING, None),
        ("35", Outcome.DECLINED, Blame.REQUEST),
        ("36", Outcome.DECLINED, Blame.REQUEST),
        ("45", Outcome.DECLINED, Blame.REQUEST),
        ("12", Outcome.UNKNOWN, None),
        ("05", Outcome.UNKNOWN, None),
    ],
)
def test_what_a_void_is_answered(account, peer, code, outcome, blame):
    """As a refund is: taken in, refused, or not known."""
    reply = read(account, refund(), peer.reply(said(code)))

    assert (outcome, blame, None) == (reply.outcome, reply.blame, reply.alarm)


@pytest.mark.parametrize("code", ["35", "36"])
def test_a_refused_void_is_explained(account, peer, code):
    """To whoever asks what a code means: it is no refund that could not be had."""
    reply = read(account, refund(), peer.reply(said(code)))

    assert "a void (31)" in DRIVER.explain(account, reply)


def test_an_answer_of_the_other_kind_is_another_s(account, peer):
    """What is said of a 04 is nothing about a 31, and the other way round."""
    to_refund = said("35") | {"txnType": "04"}
    part = refund(amount=400)
    to_void = said("35", txnAmt="400")

    for ask, body in ((refund(), to_refund), (part, to_void)):
        reply = read(account, ask, peer.reply(body))
        assert_unknown(reply, "OTHER_ORDER", alarm=True)


@pytest.mark.parametrize("kind", ["31", "04"])
@pytest.mark.parametrize("void_before", ["22:30", ""])
def test_an_enquiry_finds_either(peer, kind, void_before):
    """Under this number and moment there is one trade: whichever it was, what became of
    it is what became of the refund, though the setting were another by now.
    """
    account = account_of(peer, void_before=void_before)
    ask = replace(
        refund(), operation=Operation.ENQUIRE, enquired_operation=Operation.REFUND
    )
    at = moment(TAKEN + timedelta(hours=1))
    yes = found(Operation.REFUND, "00", txnType=kind, txnTime=at)
    no = found(Operation.REFUND, "35", txnType=kind, txnTime=at)

    paid, refused = (read(account, ask, peer.reply(one)) for one in (yes, no))
    assert (Outcome.SUCCEEDED, 1000) == (paid.outcome, paid.amount)
    assert (Outcome.DECLINED, "35") == (refused.outcome, refused.resp_code)


@pytest.mark.parametrize("kind", ["01", "11", "77"])
def test_an_enquiry_that_finds_another_trade(account, peer, kind):
    """A charge under a refund's number is no refund."""
    yes = found(Operation.REFUND, "00", txnType=kind)
    reply = read(account, enquiry(Operation.REFUND), peer.reply(yes))

    assert_unknown(reply, "OTHER_KIND", alarm=False)


@pytest.mark.parametrize("void_before", ["22:30", ""])
def test_a_notice_of_a_void_is_one_of_a_refund(peer, void_before):
    """By whichever account it was sent: ours is whatever has our number."""
    account = account_of(peer, void_before=void_before)
    settled = {"settleAmt": "1000", "settleCurrencyCode": "156", "reqReserved": ORDER}
    yes = notify(account, peer.notice(said("00", **settled)))
    no = notify(account, peer.notice(said("35", reqReserved=ORDER)))

    assert yes is not None
    assert no is not None
    assert (Operation.REFUND, f"{ORDER}R01", ORDER) == (
        *(yes.operation, yes.request_no, yes.pay_order_no),
    )
    assert (Outcome.SUCCEEDED, 1000) == (yes.reply.outcome, yes.reply.amount)
    assert_unknown(no.reply, "35", alarm=False)


def test_what_is_kept_of_a_void(account):
    """What was asked for, to the word that says which it was."""
    masked = DRIVER.assemble(account, refund()).masked

    assert "txnType=31" in masked
    assert f"orderId={ORDER}R01" in masked
