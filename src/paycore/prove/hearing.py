"""What is answered: held to the order as it stands, to what was asked for, and to what
was answered before under the same key.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from paycore.core.rows import PaymentRow
from paycore.prove.api import Answer

if TYPE_CHECKING:
    from paycore.core.service import OpenRequest
    from paycore.prove.oracle import Oracle
    from paycore.prove.world import World


class Hearing:
    """Listens to answers; what it finds is the oracle's to keep."""

    def __init__(self, world: "World", oracle: "Oracle") -> None:
        self._world, self._oracle = world, oracle
        self._holds = oracle.holds
        self.requests: dict[str, OpenRequest] = {}
        """By the line's number, which no two payers share."""
        self.answers: dict[str, bytes] = {}
        """By key: the first one."""

    def answered(self, key: str, answer: Answer) -> None:
        """The same key, the same answer, for ever (I18): no refusal either, but that
        it is under way, which a call may be told that was overtaken by the answer.
        """
        if answer.status not in (200, 201, 202):
            refused = key in self.answers and 400 <= answer.status < 500
            under_way = answer.code == "idempotency_in_flight"
            what = f"key {key} had an answer, and is refused: {answer.code}"
            self._holds("I18", not refused or under_way, what)
            return
        first = self.answers.setdefault(key, answer.body)
        self._holds("I18", first == answer.body, f"key {key} has two answers")

    def heard(self, said: Mapping[str, Any]) -> None:
        """An answer that was given is true, and stays so."""
        no = str(said["pay_order_no"])
        order = self._world.base.load(PaymentRow, no)
        final = said["biz_status"] != "DOING"
        self._holds(
            "I4",
            order is not None
            and (not final or order.biz_status.value == said["biz_status"]),
            f"told {said['biz_status']}, and it is not so",
            no,
        )
        if order is not None:
            self._asked_for(order, said)

    def _asked_for(self, order: PaymentRow, said: Mapping[str, Any]) -> None:
        """What is answered is what was asked for: this order, this amount."""
        no, asked = order.pay_order_no, self.requests.get(order.out_biz_no)
        self._holds("I4", said["out_biz_no"] == order.out_biz_no, "another order", no)
        if asked is None:
            return
        given = (order.biz_line, order.amount, order.currency, order.coupon_no)
        meant = (asked.biz_line, asked.amount, asked.currency, asked.coupon_no)
        self._holds("I23", given == meant, "not what was ordered", no)
        if "amount" in said:
            told = (said["amount"], said["payable_amount"], said["currency"])
            stands = (order.amount, order.payable_amount, order.currency)
            self._holds("I23", told == stands, "other amounts than the order's", no)

    def confirmed(self, no: str, code: str, answer: Answer) -> None:
        """A code that was judged right was the one in force, of this order (I8, I9)."""
        said = answer.read()
        if said["verify_status"] != "PASS" or said["resp_code"] != "SUCCESS":
            return
        if no in self._oracle.unasked_for:
            return  # the bank took it by itself, whatever was typed
        texts = self._world.texts.get(no, ())
        self._holds("I9", any(t.code == code for t in texts), "a strange code paid", no)

    def reused(self, answer: Answer | None) -> None:
        """A used key with another body."""
        if answer is not None and answer.status < 500:
            self._holds("I18", answer.status in (409, 422), "a key took two bodies")

    def strange(self, answer: Answer | None) -> None:
        """What belongs to another line is not there."""
        if answer is not None and answer.status < 500:
            self._holds("I24", answer.status == 404, "another line's order was shown")
