"""The pure bank: its rules about codes, money and refunds, on a clock we hold."""

import random
from typing import Any

import pytest

from paycore.sandbox.bank import Bank, Call
from paycore.sandbox.magic import MAGIC_CARDS
from paycore.sandbox.orders import CODE_LIFE_MS, CODE_TRIES, Answer, Twist
from paycore.sandbox.protocol import (
    Card,
    Confirm,
    Deduct,
    Enquire,
    Refund,
    Revoke,
    SendCode,
    Sign,
)

START = 1_700_000_000_000
CARD = Card(number="6222020000000000", phone="+8613800138000")
MONEY: dict[str, Any] = {"pay_order_no": "P1", "amount": 1234, "currency": "CNY"}


class Desk:
    """A bank and a clock."""

    def __init__(self) -> None:
        """Open it."""
        self.bank = Bank("quick_a", number=1, rng=random.Random(1))
        self.now = START

    def ask(
        self, operation: str, request: Any, *, card: Card = CARD, **twist: Any
    ) -> Answer:
        """One call at this moment."""
        return self.bank.handle(
            Call(
                operation=operation,
                merchant="m1",
                request=request,
                card=card,
                now_ms=self.now,
                twist=Twist(**twist),
            )
        )

    def send(self, number: str = "Q1", **more: Any) -> Answer:
        """Open an order."""
        request = SendCode(request_id=number, token="t", card_enc="x", **MONEY)
        return self.ask("send_code", request, **more)

    def confirm(self, code: str, number: str = "Q1", **more: Any) -> Answer:
        """Bring a code."""
        request = Confirm(request_id=number, token="t", code=code, **MONEY)
        return self.ask("confirm", request, **more)

    def deduct(self, number: str = "D1", **more: Any) -> Answer:
        """Take money under a mandate."""
        request = Deduct(request_id=number, token="t", card_enc="x", **MONEY)
        return self.ask("deduct", request, **more)

    def refund(self, number: str, amount: int, **more: Any) -> Answer:
        """Give back of D1."""
        fields = {**MONEY, "amount": amount}
        request = Refund(request_id=number, original_request_id="D1", **fields)
        return self.ask("refund", request, **more)

    def enquire(self, number: str, **more: Any) -> Answer:
        """Ask about a number."""
        return self.ask("enquire", Enquire(request_id=number), **more)


@pytest.fixture
def desk() -> Desk:
    """A new bank."""
    return Desk()


def said(answer: Answer) -> tuple[str, str]:
    """Status and code."""
    return answer.reply.status, answer.reply.code


def test_the_right_code_moves_the_money_once(desk: Desk) -> None:
    """A confirm with the texted code charges; the same again is a duplicate."""
    code = desk.send().work.texts[0].code or ""
    first, second = desk.confirm(code), desk.confirm(code)

    assert ("SUCCESS", "OK") == said(first)
    assert 1 == len(first.work.moves)
    assert (1234, "CNY") == (first.reply.amount, first.reply.currency)
    assert 20 == len(first.reply.bank_ref or "")
    assert ("DUPLICATE", "DUPLICATE_ORDER") == said(second)
    assert [] == second.work.moves


def test_a_code_has_so_many_tries(desk: Desk) -> None:
    """After five wrong codes the right one does not help any more."""
    code = desk.send().work.texts[0].code or ""
    for _ in range(CODE_TRIES):
        assert ("FAIL", "CODE_WRONG") == said(desk.confirm("nope"))

    assert ("FAIL", "CODE_EXPIRED") == said(desk.confirm(code))
    assert ("FAIL", "CODE_EXPIRED") == said(desk.enquire("Q1"))


def test_a_code_lives_five_minutes(desk: Desk) -> None:
    """A code is good until its last millisecond and never after."""
    code = desk.send().work.texts[0].code or ""
    desk.now += CODE_LIFE_MS - 1
    assert "OPEN" == desk.enquire("Q1").reply.status
    desk.now += 1

    assert ("FAIL", "CODE_EXPIRED") == said(desk.enquire("Q1"))
    assert ("FAIL", "CODE_EXPIRED") == said(desk.confirm(code))


def test_a_confirm_names_the_order_as_it_was_sent(desk: Desk) -> None:
    """Another amount under the right code is malformed and changes nothing."""
    code = desk.send().work.texts[0].code or ""
    fields = {**MONEY, "amount": 1}
    other = Confirm(request_id="Q1", token="t", code=code, **fields)

    assert ("FAIL", "BAD_REQUEST") == said(desk.ask("confirm", other))
    assert ("SUCCESS", "OK") == said(desk.confirm(code))


def test_a_known_request_is_a_duplicate_whatever_asks(desk: Desk) -> None:
    """A request number is used once at a bank, over all operations."""
    desk.deduct("D1")

    assert "DUPLICATE" == desk.deduct("D1").reply.status
    assert "DUPLICATE" == desk.send("D1").reply.status
    assert "DUPLICATE" == desk.refund("D1", 1).reply.status


def test_refunds_never_exceed_the_charge(desk: Desk) -> None:
    """Refunds in flight count, and one that failed gives its share back."""
    desk.deduct()
    waiting = desk.refund("F1", 1000, processing_ms=10, decline="MAINTENANCE")
    assert ("FAIL", "REFUND_EXCEEDS") == said(desk.refund("F2", 235))
    assert waiting.settles is not None
    desk.bank.settle(waiting.settles, desk.now + 10)

    assert ("FAIL", "MAINTENANCE") == said(desk.enquire("F1"))
    assert ("SUCCESS", "OK") == said(desk.refund("F3", 1234))
    assert ("FAIL", "REFUND_EXCEEDS") == said(desk.refund("F4", 1))


def test_processing_settles_once(desk: Desk) -> None:
    """What is PROCESSING moves its money when it is settled, and only then."""
    answer = desk.deduct(processing_ms=5000)
    assert ("PROCESSING", "OK") == said(answer)
    assert answer.settles is not None
    assert (START + 5000, []) == (answer.settles.due_ms, answer.work.moves)
    settled = desk.bank.settle(answer.settles, START + 5000)

    assert settled is not None
    assert 1 == len(settled.work.moves)
    assert desk.bank.settle(answer.settles, START + 5001) is None
    assert ("SUCCESS", 1234) == (
        desk.enquire("D1").reply.status,
        desk.enquire("D1").reply.amount,
    )


def test_a_restored_bank_knows_what_the_old_one_did(desk: Desk) -> None:
    """Orders and revoked agreements come back, references go on."""
    done = desk.deduct().work.orders
    revoke = Revoke(request_id="V1", token="gone")
    revoked = desk.ask("revoke", revoke).work.orders
    desk.bank = Bank("quick_a", number=1, rng=random.Random(2))
    desk.bank.restore([*done, *revoked], moved=1)
    again = Deduct(request_id="D2", token="gone", card_enc="x", **MONEY)

    assert "DUPLICATE" == desk.deduct("D1").reply.status
    assert ("FAIL", "BAD_REQUEST") == said(desk.ask("deduct", again))
    assert done[0].bank_ref != desk.deduct("D3").reply.bank_ref


def test_an_agreement_is_signed_by_code(desk: Desk) -> None:
    """Applying texts a code, the right code gives a token, once."""
    applied = desk.ask("sign", Sign(request_id="S1", step="apply", card_enc="x"))
    code = applied.work.texts[0].code
    wrong = desk.ask("sign", Sign(request_id="S1", step="confirm", code="nope"))
    signed = desk.ask("sign", Sign(request_id="S1", step="confirm", code=code))

    assert ("SUCCESS", None) == (applied.reply.status, applied.reply.token)
    assert ("FAIL", "CODE_WRONG") == said(wrong)
    assert "SUCCESS" == signed.reply.status
    assert str(signed.reply.token).startswith("quick_a_")
    assert signed.reply.token == desk.enquire("S1").reply.token


@pytest.mark.parametrize("number", sorted(MAGIC_CARDS))
def test_magic_cards_are_refused(desk: Desk, number: str) -> None:
    """A magic card never pays, and says why at the step it is made for."""
    refusal = MAGIC_CARDS[number]
    card = Card(number=number, phone=CARD.phone)
    assert ("FAIL", refusal.code) == said(desk.deduct(card=card))
    sent = desk.send(card=card)
    if refusal.step == "card":
        assert ("FAIL", refusal.code) == said(sent)
    else:
        code = sent.work.texts[0].code or ""
        assert ("FAIL", refusal.code) == said(desk.confirm(code))


def test_unknown_requests_are_not_found(desk: Desk) -> None:
    """Nothing known is NOT_FOUND to an enquiry and a refusal to a confirm."""
    assert ("NOT_FOUND", "ORDER_NOT_FOUND") == said(desk.enquire("X"))
    assert ("FAIL", "ORDER_NOT_FOUND") == said(desk.confirm("1", "X"))
