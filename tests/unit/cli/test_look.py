"""Payments, notices and cases as people look at them: found, shown, and masked."""

import time
from datetime import timedelta, timezone

import pytest

from paycore.cards import service as cards
from paycore.cards.service import NewCard
from paycore.core.rows import OutBizNoRow, PaymentRow
from paycore.desk import service as desk
from paycore.kernel.ids import pay_order_no
from paycore.kernel.terms import BizLineId
from paycore.notify.rows import NoticeRow, NoticeStatus

SHOP = BizLineId("shop")
CARDS = {
    "6222020200112233446": "+8613800138000",
    "6222020200112233453": "+8613912345678",
}


async def _payments(visit):
    """One payment by each card, two days apart; the first has a parked notice."""
    node, made = visit.node, []
    for days, (number, phone) in zip((2, 0), CARDS.items(), strict=True):
        at = node.now() - timedelta(days=days)
        change, no = node.change(), pay_order_no(node.ids, at)
        card = cards.register(
            node,
            change,
            NewCard(
                biz_line=SHOP, number=number, name="张三", id_no="E1234567", phone=phone
            ),
        )
        row = PaymentRow(
            pay_order_no=no,
            biz_line=SHOP,
            out_biz_no=f"o-{days}",
            biz_order_no=None,
            amount=1000,
            coupon_no=None,
            coupon_amount=0,
            payable_amount=1000,
            currency="CNY",
            card_id=card.card_id,
            subject="Tea [bold]",
            created_at=at,
            expires_at=at + timedelta(minutes=15),
            next_check_at=node.now() + timedelta(hours=1),
        )
        change.insert(row)
        change.insert(
            OutBizNoRow(
                biz_line=SHOP, out_biz_no=row.out_biz_no, pay_order_no=no, content=b""
            )
        )
        assert await node.journal.commit(change) is None
        made.append(no)
    await _beside(node, made[0])
    return made


async def _beside(node, no):
    """A parked notice and a case of a payment."""
    change = node.change()
    change.append(
        NoticeRow(
            pay_order_no=no,
            notice_id="msg_parked",
            biz_line=SHOP,
            endpoint_id=None,
            type="payment.failed",
            body=b"{}",
            status=NoticeStatus.PARKED,
            last_result="NO_ENDPOINT",
            created_at=node.now(),
            next_check_at=None,
        )
    )
    evidence = {"said": "card 6222020200112233446"}
    await desk.open_case(
        node, change, kind="LATE_MONEY", pay_order_no=no, evidence=evidence
    )
    assert await node.journal.commit(change) is None


@pytest.fixture(scope="module")
def kept():
    """The payments' numbers, made by the first test that asks."""
    return []


@pytest.fixture
def looked(paycore, inside, kept):
    """Run a command where the payments are."""
    if not kept:
        paycore("lines", "add", "shop", "--title", "Shop", "--currency", "CNY")
        kept.extend(inside(_payments))
    return paycore


def found(result):
    """The line's numbers of the payments that were found."""
    assert 0 == result.code, result.err
    return [one["out_biz_no"] for one in result.told["payments"]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ["o-0", "o-2"]),
        (("--out-biz-no", "o-2"), ["o-2"]),
        (("--card-tail", "3446"), ["o-2"]),
        (("--phone-tail", "5678"), ["o-0"]),
        (("--status", "DOING", "--line", "shop"), ["o-0", "o-2"]),
        (("--status", "SUCCESS"), []),
        (("--line", "nobody"), []),
        (("--limit", "1"), ["o-0"]),
    ],
)
def test_a_payment_is_found_by_what_is_known_of_it(looked, words, expected):
    """Newest first, by any of the line's number, tails, status or line."""
    assert expected == found(looked("payments", "find", "--json", *words))


def test_a_payment_is_found_by_its_time(looked, inside):
    """From is inclusive, to is not, and both may have a zone."""

    async def a_day_ago(visit):
        return (visit.node.now() - timedelta(days=1)).isoformat()

    then = inside(a_day_ago)

    assert ["o-0"] == found(looked("payments", "find", "--from", then, "--json"))
    assert ["o-2"] == found(looked("payments", "find", "--to", then, "--json"))


@pytest.mark.parametrize("hours", [-12, 14])
def test_a_time_of_another_zone_is_the_same_moment(looked, inside, hours):
    """A number has its time in UTC, whatever zone was asked in."""

    async def around(visit):
        zone = timezone(timedelta(hours=hours))
        then = (visit.node.now() - timedelta(days=2)).astimezone(zone)
        minute = timedelta(minutes=1)
        return (then - minute).isoformat(), (then + minute).isoformat()

    since, until = inside(around)
    words = ("payments", "find", "--from", since, "--to", until, "--json")

    assert ["o-2"] == found(looked(*words))


def test_a_time_before_all_payments_is_no_limit(looked):
    """Nor is one after them all: a number's year has two digits."""
    words = ("payments", "find", "--json")

    assert ["o-0", "o-2"] == found(looked(*words, "--from", "1970-01-01"))
    assert ["o-0", "o-2"] == found(looked(*words, "--from", "0001-01-01"))
    assert ["o-0", "o-2"] == found(looked(*words, "--to", "9999-12-31"))
    assert [] == found(looked(*words, "--to", "1970-01-01"))
    assert [] == found(looked(*words, "--from", "2100-01-01"))


@pytest.mark.parametrize(
    "words",
    [
        ("payments", "find", "--card-tail", "34"),
        ("payments", "find", "--phone-tail", "abcd"),
        ("payments", "find", "--status", "LOST"),
        ("payments", "find", "--from", "yesterday"),
        ("payments", "find", "--from", "0001-01-01T00:00:00+12:00"),
        ("payments", "find", "--to", "9999-12-31T23:00:00-05:00"),
        ("payments", "find", "--limit", "0"),
        ("payments", "show", "26nothing"),
        ("notices", "list", "--status", "LOST"),
        ("notices", "replay"),
        ("notices", "replay", "msg_none"),
        ("notices", "replay", "msg_parked", "--since", "2026-01-01"),
        ("desk", "show", "none"),
    ],
)
def test_bad_input_is_refused_with_status_2(looked, words):
    """What cannot be asked, or is not there, is status 2 and nothing on the output."""
    result = looked(*words)

    assert (2, "") == (result.code, result.out)


def test_a_payment_is_shown_with_what_happened(looked, kept):
    """Facts, attempts and timeline; brackets of a subject are only text."""
    told = looked("payments", "show", kept[0], "--json").told
    seen = looked("payments", "show", kept[0]).out

    assert ("o-2", "DOING") == (
        told["payment"]["out_biz_no"],
        told["payment"]["biz_status"],
    )
    assert ["notice"] == [one["kind"] for one in told["timeline"]]
    assert "Tea [bold]" in seen
    assert "payment.failed" in seen


def test_nothing_of_a_card_is_shown(looked, kept):
    """No command shows a card's number, a phone or a name in full."""
    shown = "".join(
        looked(*words).out
        for words in (
            ("payments", "find"),
            ("payments", "show", kept[0], "--json"),
            ("payments", "show", kept[0]),
            ("desk", "list", "--json"),
            ("notices", "list", "--json"),
        )
    )

    for secret in (*CARDS, *CARDS.values(), "张三", "E1234567"):
        assert secret not in shown


def test_a_case_is_listed_and_shown(looked, kept):
    """Open cases by number and kind, with their evidence when one is asked for; an
    open one gets older from one look to the next.
    """
    began = time.monotonic()
    (listed,) = looked("desk", "list", "--order", kept[0], "--json").told["cases"]
    shown = looked("desk", "show", listed["case_id"], "--json").told
    older_s = shown["age_s"] - listed.pop("age_s")

    assert listed == {name: shown[name] for name in listed}
    assert 0 <= older_s <= time.monotonic() - began + 1
    assert [] == shown["steps"] == shown["cures"]
    assert "LATE_MONEY" == shown["kind"]
    assert "There are no cases.\n" == looked("desk", "list", "--kind", "OTHER").out


def test_a_parked_notice_is_replayed_once_somebody_would_get_it(looked, monkeypatch):
    """Without an end point it stays parked; with one it is due again, under its id."""
    monkeypatch.setenv("PAYCORE_ALLOW_PRIVATE_ENDPOINTS", "true")
    without = looked("notices", "replay", "msg_parked")
    words = ("--line", "shop", "--url", "http://127.0.0.1:9/x")
    looked("endpoints", "add", *words)
    with_one = looked("notices", "replay", "msg_parked", "--json")
    (row,) = looked("notices", "list", "--json").told["notices"]
    ranged = looked("notices", "replay", "--since", "2020-01-01", "--json")

    assert 2 == without.code
    assert {"replayed": 1} == with_one.told
    assert ("msg_parked", "PENDING") == (row["notice_id"], row["status"])
    assert {"replayed": 1} == ranged.told
