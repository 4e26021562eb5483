"""What a bank does: orders, codes, money, refunds, agreements. Pure.

No socket, file or clock: time is a parameter and randomness is handed in, so that the
same bank can run inside a simulator. It remembers its orders itself; what must be
durable before anybody sees the reply is handed back in `Work`.
"""

import random
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from paycore.sandbox.magic import money_verdict, refused_at_once
from paycore.sandbox.orders import (
    CODE_LIFE_MS,
    MESSAGES,
    STRAIGHT,
    Answer,
    Move,
    Order,
    Twist,
    Work,
    bad_request,
    reply_for,
)
from paycore.sandbox.protocol import (
    BadRequest,
    BankRequest,
    Card,
    Confirm,
    Deduct,
    Enquire,
    Refund,
    Reply,
    Revoke,
    SendCode,
    Sign,
    rfc3339,
)
from paycore.sandbox.texts import text_of


class Call(Struct, frozen=True, kw_only=True, gc=False):
    """One authenticated call; `card` is there where the request carries one."""

    operation: str
    merchant: str
    request: BankRequest
    now_ms: int
    card: Card | None = None
    twist: Twist = STRAIGHT
    facts: dict[str, str] = {}
    """What the provider's protocol says of an order beyond what a bank needs; kept with
    the order that this call opens or completes."""
    verdict: str | None = None
    """The code with which the provider itself refuses the payer, whatever the card."""
    token: str | None = None
    """What a signing is given, in the provider's form; None: the bank makes one up."""


class Bank:
    """One bank. `number` is the first digit of its references."""

    def __init__(self, name: str, *, number: int, rng: random.Random) -> None:
        self.name = name
        self._number = number
        self._random = rng
        self._orders: dict[str, Order] = {}
        self._revoked: set[str] = set()
        self._moved = 0
        self._operations: Mapping[str, Callable[[Call, Work], Reply]] = {
            "send_code": self._send_code,
            "confirm": self._confirm,
            "deduct": self._deduct,
            "enquire": self._enquire,
            "refund": self._refund,
            "sign": self._sign,
            "revoke": self._revoke,
        }

    def restore(self, orders: Iterable[Order], *, moved: int) -> None:
        """Take up what an earlier run left; `moved` is how often money moved."""
        for order in orders:
            self._remember(order)
        self._moved = moved

    def handle(self, call: Call) -> Answer:
        """Do what is asked. The reply is true once `work` is durable."""
        work = Work()
        try:
            reply = self._operations[call.operation](call, work)
        except BadRequest as error:
            names = (call.request.request_id, call.request.pay_order_no)
            reply = bad_request(call.merchant, names, str(error), call.now_ms)
            return Answer(reply=reply, work=Work())
        return _answer(reply, work, call.request.request_id)

    def settle(self, order: Order, now_ms: int) -> Answer | None:
        """End a PROCESSING; None where there is nothing (more) to end."""
        current = self._orders.get(order.key)
        if current is None or current.status != "PROCESSING":
            return None
        work = Work()
        done = self._finish(current, now_ms, work)
        return _answer(reply_for(done), work, done.request_id)

    def promise(self, order: Order, work: Work, *, callbacks: int, lies: bool) -> Order:
        """Set how often, and how truthfully, an order's settlement will be told."""
        return self._store(replace(order, callbacks=callbacks, lies=lies), work)

    def waiting(self) -> list[Order]:
        """All that is PROCESSING, to be settled at `due_ms`."""
        return [o for o in self._orders.values() if o.status == "PROCESSING"]

    def find(self, merchant: str, request_id: str) -> Order | None:
        """An order by its number."""
        return self._orders.get(f"{merchant}/{request_id}")

    def orders(self) -> Iterable[Order]:
        """All there are, oldest first."""
        return self._orders.values()

    def revoked(self, token: str) -> bool:
        """Whether an agreement has ended."""
        return token in self._revoked

    # The operations, in the order of a payment's life. Each checks, then decides.

    def _send_code(self, call: Call, work: Work) -> Reply:
        request, card = call.request, call.card
        assert isinstance(request, SendCode)
        assert card is not None
        if self._find(call, request.request_id):
            return _duplicate(call)
        self._check_token(request.token)
        order = Order(
            facts=call.facts,
            merchant=call.merchant,
            request_id=request.request_id,
            pay_order_no=request.pay_order_no,
            operation="send_code",
            status="OPEN",
            at_ms=call.now_ms,
            amount=request.amount,
            currency=request.currency,
            phone=card.phone,
            money_verdict=money_verdict(card),
            notify_url=request.notify_url,
        )
        verdict = _refused(call) or refused_at_once(card) or "OK"
        done = self._decide(order, verdict, call, work)
        return reply_for(done, opened="SUCCESS")

    def _confirm(self, call: Call, work: Work) -> Reply:
        request = call.request
        assert isinstance(request, Confirm)
        order = self._find(call, request.request_id)
        if order is None or order.operation != "send_code":
            return _say(call, "FAIL", "ORDER_NOT_FOUND")
        order = replace(order, facts=order.facts | call.facts)
        asked = (request.amount, request.currency, request.pay_order_no)
        if asked != (order.amount, order.currency, order.pay_order_no):
            raise BadRequest("amount, currency or pay_order_no is not the order's")
        self._check_token(request.token)
        refusal = self._check_code(order, request.code, call, work)
        if refusal:
            return refusal
        order = replace(order, notify_url=request.notify_url or order.notify_url)
        verdict = call.twist.decline or order.money_verdict
        return reply_for(self._decide(order, verdict, call, work))

    def _deduct(self, call: Call, work: Work) -> Reply:
        request, card = call.request, call.card
        assert isinstance(request, Deduct)
        assert card is not None
        if self._find(call, request.request_id):
            return _duplicate(call)
        self._check_token(request.token)
        order = Order(
            facts=call.facts,
            merchant=call.merchant,
            request_id=request.request_id,
            pay_order_no=request.pay_order_no,
            operation="deduct",
            status="PROCESSING",
            at_ms=call.now_ms,
            amount=request.amount,
            currency=request.currency,
            notify_url=request.notify_url,
        )
        verdict = _refused(call) or refused_at_once(card) or money_verdict(card)
        return reply_for(self._decide(order, verdict, call, work))

    def _enquire(self, call: Call, work: Work) -> Reply:
        # A fault makes the bank lie about the order; the order itself stays.
        if call.twist.decline is not None:
            return _say(call, "FAIL", call.twist.decline)
        if call.twist.processing_ms is not None:
            return _say(call, "PROCESSING", "OK")
        assert isinstance(call.request, Enquire)
        order = self._find(call, call.request.request_id)
        if order is None:
            return _say(call, "NOT_FOUND", "ORDER_NOT_FOUND")
        if order.code_is_dead(call.now_ms):
            return _say(call, "FAIL", "CODE_EXPIRED")
        return reply_for(order)

    def _refund(self, call: Call, work: Work) -> Reply:
        request = call.request
        assert isinstance(request, Refund)
        if self._find(call, request.request_id):
            return _duplicate(call)
        charge = self._find(call, request.original_request_id)
        if charge and charge.currency != request.currency:
            raise BadRequest("currency is not the charge's")
        refund = Order(
            facts=call.facts,
            merchant=call.merchant,
            request_id=request.request_id,
            # Under the charge's reference, whatever the merchant calls the refund:
            # the oracle lists a payment's moves together.
            pay_order_no=charge.pay_order_no if charge else request.pay_order_no,
            operation="refund",
            status="PROCESSING",
            at_ms=call.now_ms,
            amount=request.amount,
            currency=request.currency,
            original=request.original_request_id,
            notify_url=request.notify_url or (charge.notify_url if charge else None),
        )
        if charge is None:
            return reply_for(self._fail(refund, "ORDER_NOT_FOUND", call.now_ms, work))
        taken = charge.refunded + request.amount
        if charge.bank_ref is None or taken > (charge.amount or 0):
            return reply_for(self._fail(refund, "REFUND_EXCEEDS", call.now_ms, work))
        # Reserved before it moves: two refunds in flight cannot exceed together.
        self._store(replace(charge, refunded=taken), work)
        verdict = call.twist.decline or "OK"
        return reply_for(self._decide(refund, verdict, call, work))

    def _sign(self, call: Call, work: Work) -> Reply:
        assert isinstance(call.request, Sign)
        if call.request.step == "apply":
            return self._sign_apply(call, work)
        order = self._find(call, call.request.request_id)
        if order is None or order.operation != "sign":
            return _say(call, "FAIL", "ORDER_NOT_FOUND")
        order = replace(order, facts=order.facts | call.facts)
        refusal = self._check_code(order, call.request.code, call, work)
        if refusal:
            return refusal
        if call.twist.decline:
            return reply_for(self._fail(order, call.twist.decline, call.now_ms, work))
        made_up = f"{self.name}_{self._random.getrandbits(96):024x}"
        token = call.token or made_up
        done = replace(order, status="SUCCESS", at_ms=call.now_ms, token=token)
        return reply_for(self._store(done, work))

    def _sign_apply(self, call: Call, work: Work) -> Reply:
        assert isinstance(call.request, Sign)
        if call.card is None:
            raise BadRequest("card_enc is missing")
        if self._find(call, call.request.request_id):
            return _duplicate(call)
        order = Order(
            facts=call.facts,
            merchant=call.merchant,
            request_id=call.request.request_id,
            pay_order_no=call.request.pay_order_no,
            operation="sign",
            status="OPEN",
            at_ms=call.now_ms,
            phone=call.card.phone,
            notify_url=call.request.notify_url,
        )
        refusal = _refused(call) or refused_at_once(call.card)
        if refusal:
            return reply_for(self._fail(order, refusal, call.now_ms, work))
        return reply_for(self._text(order, call.now_ms, work), opened="SUCCESS")

    def _revoke(self, call: Call, work: Work) -> Reply:
        assert isinstance(call.request, Revoke)
        if self._find(call, call.request.request_id):
            return _duplicate(call)
        verdict = call.twist.decline or "OK"
        order = Order(
            facts=call.facts,
            merchant=call.merchant,
            request_id=call.request.request_id,
            pay_order_no=call.request.pay_order_no,
            operation="revoke",
            status="SUCCESS" if verdict == "OK" else "FAIL",
            code=verdict,
            at_ms=call.now_ms,
            token=call.request.token,
        )
        return reply_for(self._store(order, work))

    def end(self, key: str, now_ms: int) -> Answer | None:
        """The payer ends at the bank what he signed; None where there is nothing."""
        signed = self._orders.get(key)
        if signed is None or not signed.token or signed.token in self._revoked:
            return None
        work = Work()
        ended = replace(
            signed,
            request_id=f"{signed.request_id}X",
            operation="revoke",
            at_ms=now_ms,
            notify_url=None,
        )
        self._store(ended, work)
        told = replace(signed, operation="revoke", at_ms=now_ms)
        return Answer(reply=reply_for(ended), work=work, final=told)

    # Checks.

    def _find(self, call: Call, request_id: str) -> Order | None:
        return self.find(call.merchant, request_id)

    def _check_token(self, token: str) -> None:
        """Refuse a revoked token. Agreements older than this sandbox are fine."""
        if token in self._revoked:
            raise BadRequest("token is revoked")

    def _check_code(
        self, order: Order, given: str | None, call: Call, work: Work
    ) -> Reply | None:
        """The refusal, where an order's code does not open it; else None."""
        if order.status in ("SUCCESS", "PROCESSING"):
            return _duplicate(call)
        if order.status == "FAIL":
            return reply_for(order)
        if order.code_is_dead(call.now_ms):
            return reply_for(self._fail(order, "CODE_EXPIRED", call.now_ms, work))
        forced = call.twist.decline
        if forced == "CODE_WRONG" or (given != order.sms_code and not forced):
            self._store(replace(order, tries=order.tries + 1), work)
            return _say(call, "FAIL", "CODE_WRONG")
        return None

    # What becomes of an order.

    def _decide(self, order: Order, verdict: str, call: Call, work: Work) -> Order:
        """Finish an order now or, where a fault says so, later."""
        twist = call.twist
        decided = replace(order, code=verdict)
        if twist.processing_ms is None:
            return self._finish(decided, call.now_ms, work)
        due_ms = call.now_ms + twist.processing_ms
        later = replace(decided, status="PROCESSING", at_ms=call.now_ms, due_ms=due_ms)
        return self._store(later, work)

    def _finish(self, order: Order, now_ms: int, work: Work) -> Order:
        if order.code != "OK":
            self._give_back(order, work)
            return self._fail(order, order.code, now_ms, work)
        if order.operation == "send_code" and order.sms_code is None:
            return self._text(order, now_ms, work)
        return self._move(order, now_ms, work)

    def _give_back(self, order: Order, work: Work) -> None:
        """Free what a refund that failed had reserved."""
        if order.original is None or order.amount is None:
            return
        charge = self._orders.get(f"{order.merchant}/{order.original}")
        if charge is not None:
            refunded = charge.refunded - order.amount
            self._store(replace(charge, refunded=refunded), work)

    def _fail(self, order: Order, code: str, now_ms: int, work: Work) -> Order:
        failed = replace(order, status="FAIL", code=code, at_ms=now_ms)
        return self._store(failed, work)

    def _text(self, order: Order, now_ms: int, work: Work) -> Order:
        """Send the bank's own code."""
        code = f"{self._random.randrange(10**6):06d}"
        work.texts.append(text_of(order, code, bank=self.name, now_ms=now_ms))
        texted = replace(
            order,
            status="OPEN",
            at_ms=now_ms,
            sms_code=code,
            code_until_ms=now_ms + CODE_LIFE_MS,
        )
        return self._store(texted, work)

    def _move(self, order: Order, now_ms: int, work: Work) -> Order:
        """The only place where money moves."""
        assert order.amount is not None
        assert order.currency is not None
        self._moved += 1
        second = now_ms // 1000 % 10**9
        reference = f"{self._number}{second:09d}{self._moved:010d}"
        work.moves.append(
            Move(
                bank=self.name,
                kind="refund" if order.operation == "refund" else "charge",
                request_id=order.request_id,
                pay_order_no=order.pay_order_no,
                amount=order.amount,
                currency=order.currency,
                at_ms=now_ms,
            )
        )
        paid = replace(order, status="SUCCESS", at_ms=now_ms, bank_ref=reference)
        return self._store(paid, work)

    def move_again(self, work: Work) -> None:
        """By mistake: one request, one answer, and the money moves twice. So much more
        of it may go back.
        """
        move = work.moves[0]
        work.moves.append(move)
        for order in list(work.orders):
            if order.request_id == move.request_id and order.amount is not None:
                more = replace(order, refunded=order.refunded - move.amount)
                self._store(more, work)

    def _store(self, order: Order, work: Work) -> Order:
        self._remember(order)
        work.orders.append(order)
        return order

    def _remember(self, order: Order) -> None:
        self._orders[order.key] = order
        if order.operation == "revoke" and order.status == "SUCCESS":
            self._revoked.add(order.token or "")


def _answer(reply: Reply, work: Work, request_id: str) -> Answer:
    """Find out what the work did to the money of the order that was asked about."""
    settles = final = None
    for order in work.orders:
        if order.request_id != request_id:
            continue
        if order.status == "PROCESSING":
            settles = order
        elif order.operation in ("deduct", "refund"):
            final = order
        elif order.operation == "send_code" and order.sms_code is not None:
            final = None if order.status == "OPEN" else order
    return Answer(reply=reply, work=work, final=final, settles=settles)


def _refused(call: Call) -> str | None:
    """With what a fault or the provider refuses, before the card is looked at."""
    return call.twist.decline or call.verdict


def _say(call: Call, status: str, code: str) -> Reply:
    """A reply that is not the state of an order."""
    return Reply(
        request_id=call.request.request_id,
        pay_order_no=call.request.pay_order_no,
        merchant=call.merchant,
        status=status,
        code=code,
        message=MESSAGES.get(code, code),
        at=rfc3339(call.now_ms),
    )


def _duplicate(call: Call) -> Reply:
    """The request is known: never a second charge, and no news of the first."""
    return _say(call, "DUPLICATE", "DUPLICATE_ORDER")
