"""Races for money, round after round, on a real database and with real banks.

A round is one race of each kind, its runners spread over two nodes. Whoever wins, the
banks' own record says whether more moved than may have: that is an overshoot, whatever
we ourselves believe. A seed draws the same mix of strikes again; who wins is chance's.
"""

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

from facts import QUICK_BANKS
from inside import inside
from refunding import paid, refund
from stack import SHOP, Payer, Stack, key

from paycore.coupon.rows import CouponRow
from paycore.kernel.terms import BizLineId, CouponNo

WHOLE, PART = 100, 60
"""Of two refunds of the part, one is too many."""

ORDERS_A_COUPON = 6
ROUNDS_A_PAYER = 20
COUPONS_AT_ONCE = 50
WITHIN_S = 90.0
SHOWN = 20
"""Overshoots that are told of at length: the first ones say enough."""


class Races:
    """Runs the rounds, and keeps what was not as it must be."""

    def __init__(self, stack: Stack, seed: int, *, at_once: int = 100) -> None:
        self.stack, self.at_once = stack, at_once
        self.random = random.Random(seed)
        self.rounds, self.overshoots = 0, 0
        self.won: Counter[str] = Counter()
        """How the races ended."""
        self.shown: list[str] = []
        self._clients = [stack.client(node=n) for n in range(len(stack.nodes))]
        self._coupons = _coupons(stack)
        self._pool = ThreadPoolExecutor(max(at_once, 16))

    def run(self, rounds: int, tell: Callable[[int], None] = lambda _: None) -> None:
        """So many rounds, each told of."""
        for number in range(rounds):
            if number % ROUNDS_A_PAYER == 0:
                self._payer = self.stack.payer()
            self._refunds()
            self._coupon()
            self._close()
            self._callback()
            self.rounds += 1
            tell(self.rounds)

    # --- the races --------------------------------------------------------------------

    def _refunds(self) -> None:
        """Refunds of more than half, all at once: one, here and at the bank."""
        no = paid(self._payer, amount=WHOLE)
        strike = self._perhaps("bank.*.refund", "garbage", "http_500", "slow:0.2")
        answers = self._at_once(
            lambda payer: refund(payer, no, PART), [self._payer] * self.at_once
        )
        self.stack.no_faults()
        begun = [one.json()["refund_no"] for one in answers if one.status_code == 201]
        self._must(len(begun) == 1, "refunds", no, f"{len(begun)} refunds were begun")
        for number in begun:
            self._won("refunds", strike, _refunded(self._payer, number))
        back = _moved(self.stack, no, "refund")
        self._must(back == [PART], "refunds", no, f"the banks gave back {back}")
        given = self._payer.get(no)["refunded_amount"]
        self._must(given == PART, "refunds", no, f"the order says {given}")

    def _coupon(self) -> None:
        """Orders that share a coupon are confirmed at once: one pays with it."""
        coupon_no = next(self._coupons)
        orders = [
            self._payer.open(amount=1250, coupon_no=coupon_no).json()["pay_order_no"]
            for _ in range(ORDERS_A_COUPON)
        ]
        codes = self._payer.codes()[-ORDERS_A_COUPON:]
        self._at_once(
            lambda one: self._payer_at(one[0]).confirm(one[1], one[2]),
            list(zip(range(ORDERS_A_COUPON), orders, codes, strict=True)),
        )
        taken = [_moved(self.stack, no, "charge") for no in orders]
        used = sum(map(len, taken))
        self._must(used == 1, "coupon", orders[0], f"{used} orders paid with a coupon")
        amounts = [amount for amounts in taken for amount in amounts]
        self._must(amounts == [1000], "coupon", orders[0], f"the banks took {amounts}")
        self._won("coupon", "", str([bool(one) for one in taken].index(True)))

    def _close(self) -> None:
        """A confirm and a close at once: paid and charged, or closed and not."""
        no = self._payer.open(amount=WHOLE).json()["pay_order_no"]
        code = self._payer.codes()[-1]
        strike = self._perhaps("bank.*.confirm", "slow:0.2", "garbage", "http_500")
        acts: list[Callable[[Payer], object]] = [
            lambda payer: payer.confirm(no, code),
            lambda payer: payer.api.post(f"/v1/payments/{no}/close", headers=key()),
        ]
        self.random.shuffle(acts)
        self._at_once(lambda one: one[1](self._payer_at(one[0])), list(enumerate(acts)))
        self.stack.no_faults()
        self._ends_as_charged("close", strike, no)

    def _callback(self) -> None:
        """The bank's callbacks and its answer at once: charged, paid and told once."""
        no = self._payer.open(amount=WHOLE).json()["pay_order_no"]
        code = self._payer.codes()[-1]
        strike = self._draw(
            "callback_before_answer", "duplicate_callback:3", "duplicate_callback:20"
        )
        self.stack.fault("bank.quick_*.confirm", strike, count=1)
        self._at_once(lambda payer: payer.confirm(no, code), [self._payer])
        self.stack.no_faults()
        self._ends_as_charged("callback", strike, no)

    def _ends_as_charged(self, race: str, strike: str, no: str) -> None:
        """Whatever the end, what the banks keep is what was bought."""
        status = self._payer.until(no, within_s=WITHIN_S)["biz_status"]
        kept = sum(_moved(self.stack, no, "charge"))
        kept -= sum(_moved(self.stack, no, "refund"))
        due = WHOLE if status == "SUCCESS" else 0
        over = status != "DOING" and kept == due
        self._must(over, race, no, f"{status}, and the banks kept {kept}")
        self._won(race, strike, status)

    # --- what they share --------------------------------------------------------------

    def _payer_at(self, number: int) -> Payer:
        """The payer at another node each time."""
        client = self._clients[number % len(self._clients)]
        return Payer(self.stack, client, self._payer.card_id, self._payer.phone)

    def _at_once(self, act: Callable, items: list) -> list:
        """What `act` gives of each, all begun at once; payers are spread over nodes."""
        spread = [
            self._payer_at(number) if isinstance(one, Payer) else one
            for number, one in enumerate(items)
        ]
        return list(self._pool.map(act, spread))

    def _draw(self, *strikes: str) -> str:
        return self.random.choice(strikes)

    def _perhaps(self, target: str, *strikes: str) -> str:
        """One of these, once, in every fourth race."""
        strike = self._draw(*strikes) if self.random.random() < 1 / 4 else ""
        if strike:
            self.stack.fault(target, strike, count=1)
        return strike

    def _won(self, race: str, strike: str, end: str) -> None:
        self.won[f"{race}, {strike or 'no strike'}: {end}"] += 1

    def _must(self, good: object, race: str, no: str, what: str) -> None:
        if good:
            return
        self.overshoots += 1
        if len(self.shown) < SHOWN:
            self.shown.append(f"{race} {no}: {what}")


def _moved(stack: Stack, no: str, kind: str) -> list[int]:
    """What the banks moved of a payment, in their own words."""
    found = [move for move in stack.charges(no) if move["kind"] == kind]
    assert {move["bank"] for move in found} <= {*QUICK_BANKS, "deduct_a", "deduct_b"}
    return [move["amount"] for move in found]


def _refunded(payer: Payer, number: str) -> str:
    """What became of a refund, once it is final or the time is up."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        status = payer.api.get(f"/v1/refunds/{number}").json()["biz_status"]
        if status != "DOING" or time.monotonic() > deadline:
            return status
        time.sleep(0.1)


def _coupons(stack: Stack) -> Iterator[str]:
    """Coupons that nobody has used, issued some at a time."""
    for _ in cycle((None,)):
        numbers = [CouponNo(f"R-{uuid.uuid4().hex}") for _ in range(COUPONS_AT_ONCE)]

        async def issue(node, numbers=numbers) -> None:
            change = node.change()
            for number in numbers:
                change.insert(
                    CouponRow(
                        biz_line=BizLineId(stack.lines[SHOP].biz_line),
                        coupon_no=number,
                        amount=250,
                        currency="CNY",
                    )
                )
            assert await node.journal.commit(change) is None

        inside(stack, issue)
        yield from numbers
