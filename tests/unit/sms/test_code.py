"""Codes without a database: made, bound, judged, and the words they travel in."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from paycore.kernel.ids import SystemIds
from paycore.kernel.terms import CardId, PayOrderNo, VerifyStatus
from paycore.sms import code
from paycore.sms.code import Binding, Limits, Wording
from paycore.sms.rows import CodeRow, CodeStatus

KEY = b"k" * 32
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BOUND = Binding(
    pay_order_no=PayOrderNo("261122120000000AAAAAAAAAAA"),
    seq=2,
    amount=12_50,
    currency="CNY",
    card_id=CardId("card-1"),
    phone_hash=b"p" * 32,
)
LIMITS = Limits(tries=5, tries_per_payment=10)


def row(seq: int = 2, **changes: object) -> CodeRow:
    made = CodeRow(
        pay_order_no=BOUND.pay_order_no,
        seq=seq,
        digest=code.digest(KEY, "123456", BOUND),
        amount=BOUND.amount,
        currency=BOUND.currency,
        card_id=BOUND.card_id,
        phone_hash=BOUND.phone_hash,
        status=CodeStatus.ACTIVE,
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=5),
    )
    return replace(made, **changes)


def wording(**changes: object) -> Wording:
    facts = {
        "language": "zh",
        "amount": 12_50,
        "currency": "CNY",
        "payee": "宏图商城",
        "subject": "订单1001",
        "card_tail": "7894",
        "minutes": 5,
    }
    return Wording(**(facts | changes))


class LowIds(SystemIds):
    """Draws low numbers only."""

    def below(self, limit: int) -> int:
        """Seven."""
        return 7


def test_a_code_keeps_its_leading_zeros() -> None:
    """A code has as many digits as the settings say, zeros in front included."""
    assert (code.make(LowIds(), 6), code.make(LowIds(), 8)) == ("000007", "00000007")


def test_codes_are_drawn_from_all_of_their_range() -> None:
    """Every code has six digits and the first digit takes all ten values."""
    made = [code.make(SystemIds(), 6) for _ in range(2000)]

    assert {6} == {len(each) for each in made}
    assert set("0123456789") == {each[0] for each in made}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pay_order_no", "261122120000000BBBBBBBBBBB"),
        ("seq", 3),
        ("amount", 12_51),
        ("currency", "USD"),
        ("card_id", "card-2"),
        ("phone_hash", b"q" * 32),
    ],
)
def test_a_code_is_bound_to_what_it_was_made_for(field: str, value: object) -> None:
    """The right digits for another order, amount, card or phone are wrong."""
    values = {name: getattr(BOUND, name) for name in BOUND.__slots__}
    other = Binding(**(values | {field: value}))

    assert VerifyStatus.WRONG == code.judge(
        row(), code.digest(KEY, "123456", other), NOW
    )


def test_only_the_right_key_makes_the_hash() -> None:
    """Without the key outside the database a stolen table cannot be searched."""
    assert code.digest(KEY, "123456", BOUND) != code.digest(b"x" * 32, "123456", BOUND)


@pytest.mark.parametrize("typed", ["123457", "", "１２３４５６", "123456 ", "0123456"])
def test_what_is_not_the_code_is_wrong(typed: str) -> None:
    """Only exactly the digits that were texted pass."""
    assert VerifyStatus.WRONG == code.judge(row(), code.digest(KEY, typed, BOUND), NOW)


def test_the_code_passes_until_it_expires() -> None:
    """The last moment of a code is the one before its expiry."""
    right = code.digest(KEY, "123456", BOUND)
    end = row().expires_at

    assert VerifyStatus.PASS == code.judge(
        row(), right, end - timedelta(milliseconds=1)
    )
    assert VerifyStatus.EXPIRED == code.judge(row(), right, end)


def test_the_newest_code_that_went_out_is_in_force() -> None:
    """Codes being sent and codes replaced are passed over."""
    rows = [
        row(1, status=CodeStatus.VOID),
        row(2, status=CodeStatus.ACTIVE),
        row(3, status=CodeStatus.VOID),
        row(4, status=CodeStatus.PENDING),
    ]

    assert rows[1] == code.in_force(rows)
    assert None is code.in_force([rows[0], rows[2], rows[3]])
    locked = row(5, status=CodeStatus.LOCKED)
    for out in ([rows[1], locked], [locked, rows[1]]):
        assert locked == code.in_force(out)


def test_tries_run_out_at_a_code_and_at_all_codes_of_a_payment() -> None:
    """Whichever limit is nearer counts, and neither goes below zero."""
    fresh, old = row(3), row(1, tries=5, status=CodeStatus.LOCKED)
    older = row(2, tries=4, status=CodeStatus.VOID)

    assert 5 == code.tries_left(fresh, [fresh], LIMITS)
    assert 1 == code.tries_left(fresh, [old, older, fresh], LIMITS)
    assert 0 == code.tries_left(row(tries=6), [], LIMITS)
    assert 0 == code.tries_left(old, [old], LIMITS)


def test_what_needs_no_comparing_is_known_before() -> None:
    """No code, a locked one, used-up tries and an expired one are not compared."""
    good, late = row(), NOW + timedelta(minutes=5)

    assert None is code.foregone(good, [good], NOW, LIMITS)
    assert VerifyStatus.EXPIRED == code.foregone(None, [], NOW, LIMITS)
    assert VerifyStatus.EXPIRED == code.foregone(good, [good], late, LIMITS)
    assert VerifyStatus.LOCKED == code.foregone(row(tries=5), [], NOW, LIMITS)
    assert VerifyStatus.LOCKED == code.foregone(
        row(status=CodeStatus.LOCKED), [], late, LIMITS
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            wording(),
            (
                "验证码123456：您正用尾号7894的银行卡向宏图商城（订单1001）支付12.50元，"
                "5分钟内有效。请只输入本条验证码，银行发来的其他短信请忽略。"
                "切勿告诉任何人。"
            ),
        ),
        (
            wording(language="en", payee="Acme", subject="Order 1001"),
            (
                "Code 123456 pays CNY 12.50 to Acme (Order 1001) with your card ending"
                " in 7894. It is good for 5 minutes. Use only this code; ignore any"
                " other text of your bank. Tell nobody."
            ),
        ),
        (
            wording(language="en-GB", payee="", currency="JPY", subject="{code}"),
            (
                "Code 123456 pays JPY 1250 to {code} with your card ending in 7894."
                " It is good for 5 minutes. Use only this code; ignore any other"
                " text of your bank. Tell nobody."
            ),
        ),
        (
            wording(language="en", payee="Acme", subject=""),
            (
                "Code 123456 pays CNY 12.50 to Acme with your card ending in 7894."
                " It is good for 5 minutes. Use only this code; ignore any other"
                " text of your bank. Tell nobody."
            ),
        ),
        (
            wording(language="zh-CN", subject="宏图商城", currency="USD"),
            (
                "验证码123456：您正用尾号7894的银行卡向宏图商城支付USD 12.50，"
                "5分钟内有效。请只输入本条验证码，银行发来的其他短信请忽略。"
                "切勿告诉任何人。"
            ),
        ),
    ],
)
def test_the_text_says_what_the_code_does(facts: Wording, expected: str) -> None:
    """The text has amount, payee, purpose, card, minutes, and which code to use."""
    assert expected == code.text("123456", facts)
