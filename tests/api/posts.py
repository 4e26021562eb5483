"""Every POST under /v1, ready to be made: what the idempotency table is run on.

A case names the call it belongs to (`operationId`); a POST route for which there is no
case fails `test_every_post_has_a_case`.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace

import httpx2 as httpx
from operating import Person, at_the_desk, case, previewed
from operator_posts import OPERATORS
from payment_posts import PAYMENTS
from posting import Body, Post, fresh, keys_kept, off_by, opened, replays, sql
from setup_posts import SETUP
from stack import SHOP, TICKETS, Stack, key

from paycore.operators.roles import Role

Maker = Callable[[Stack, int], Post]


def _open(stack: Stack, node: int, line: int = SHOP) -> Post:
    payer = stack.payer(line, node=node)
    other = stack.payer(line, node=node)
    body = payer.order(expires_in_s=900)
    changes = (
        {"amount": 1251},
        {"currency": "USD"},
        {"card_id": other.card_id},
        {"subject": "三杯茶"},
        {"out_biz_no": f"o-{uuid.uuid4().hex}"},
        {"biz_order_no": "b-1"},
        {"expires_in_s": 901},
        {"coupon_no": stack.lines[line].coupon_no},
        {"coupon_no": None},
    )
    return Post(
        payer=payer,
        line=line,
        path="/v1/quick-payments",
        body=body,
        others=[{**body, **change} for change in changes],
        slow="bank.quick_*.send_code" if line == SHOP else "carrier.*.send",
        fresh=payer.order,
    )


def _converted(stack: Stack, node: int) -> Post:
    return _open(stack, node, TICKETS)


def _deduction(stack: Stack, node: int) -> Post:
    post = _open(stack, node)
    return replace(post, path="/v1/deductions", slow="bank.deduct_*.deduct")


def _codes(stack: Stack, node: int, line: int = SHOP) -> Post:
    payer = stack.payer(line, node=node)
    no = opened(payer)
    return Post(
        payer=payer,
        line=line,
        path=f"/v1/quick-payments/{no}/codes",
        slow="bank.quick_*.send_code" if line == SHOP else "carrier.*.send",
    )


def _own_codes(stack: Stack, node: int) -> Post:
    return _codes(stack, node, TICKETS)


def _confirm(stack: Stack, node: int, line: int = SHOP, *, wrong: bool = False) -> Post:
    payer = stack.payer(line, node=node)
    no = opened(payer)
    code = payer.codes()[-1]
    typed = off_by(code, 1) if wrong else code
    charge = "bank.quick_*.confirm" if line == SHOP else "bank.deduct_*.deduct"
    return Post(
        payer=payer,
        line=line,
        path=f"/v1/quick-payments/{no}/confirm",
        body={"sms_verify_code": typed},
        others=[{"sms_verify_code": off_by(code, 2)}],
        slow=None if wrong else charge,
        fresh=None,
    )


def _deduct(stack: Stack, node: int) -> Post:
    return _confirm(stack, node, TICKETS)


def _wrong(stack: Stack, node: int) -> Post:
    return _confirm(stack, node, TICKETS, wrong=True)


def _close(stack: Stack, node: int) -> Post:
    payer = stack.payer(SHOP, node=node)
    no = opened(payer)
    return Post(
        payer=payer,
        line=SHOP,
        path=f"/v1/payments/{no}/close",
        slow="bank.quick_*.enquire",
    )


def _card(stack: Stack, node: int) -> Post:
    payer = stack.payer(SHOP, node=node)
    given = [
        {"pay_type": kind, "channel": bank, "account": "main", "token": f"t-{bank}"}
        for kind, bank in (("QUICK_PAY", "quick_a"), ("DEDUCT", "deduct_a"))
    ]
    body = {
        "number": "6222020200112233446",
        "name": "王五",
        "id_no": "110101199003074178",
        "phone": payer.phone,
        "bank": "ICBC",
        "card_kind": "DEBIT",
        "agreements": given,
    }
    changes = (
        {"number": "6222020200112233453"},
        {"name": "王六"},
        {"phone": "+8613800138999"},
        {"bank": "ABC"},
        {"bank": None},
        {"card_kind": "CREDIT"},
        {"agreements": given[::-1]},
        {"agreements": given[:1]},
    )
    return Post(
        payer=payer,
        line=SHOP,
        path="/v1/cards",
        body=body,
        others=[{**body, **change} for change in changes],
        fresh=lambda: {**body, "name": f"王{uuid.uuid4().hex[:8]}"},
    )


def _refund(stack: Stack, node: int, line: int = SHOP) -> Post:
    payer = stack.payer(line, node=node)
    no, other = opened(payer), opened(payer)
    for number, code in zip((no, other), payer.codes()[-2:], strict=True):
        assert "SUCCESS" == payer.confirm(number, code).json()["biz_status"]

    def body(**changes: object) -> Body:
        return {
            "pay_order_no": no,
            "out_refund_no": f"r-{uuid.uuid4().hex}",
            "amount": 20,
            "reason": "returned",
            **changes,
        }

    asked = body()
    changes = (
        {"pay_order_no": other},
        {"out_refund_no": f"r-{uuid.uuid4().hex}"},
        {"amount": 21},
        {"reason": "broken"},
        {"reason": None},
    )
    return Post(
        payer=payer,
        line=line,
        path="/v1/refunds",
        body=asked,
        others=[{**asked, **change} for change in changes],
        slow="bank.*.refund",
        fresh=body,
    )


def _refund_of_deduct(stack: Stack, node: int) -> Post:
    return _refund(stack, node, TICKETS)


def _signed(stack: Stack, node: int) -> Post:
    payer = stack.payer(SHOP, node=node)
    sign = {"pay_type": "QUICK_PAY", "channel": "quick_a", "account": "main"}

    def body() -> Body:
        return {
            "number": "6222020200112233446",
            "name": "王五",
            "id_no": f"E{uuid.uuid4().hex[:20]}",
            "phone": payer.phone,
            "sign": sign,
        }

    asked = body()
    changes = (
        {"name": "王六"},
        {"sign": {**sign, "single_limit": 100}},
        {"sign": {**sign, "channel": "quick_b"}},
        {"sign": None},
    )
    return Post(
        payer=payer,
        line=SHOP,
        path="/v1/cards",
        body=asked,
        others=[{**asked, **change} for change in changes],
        slow="bank.quick_a.sign",
        fresh=body,
    )


def _signing(stack: Stack, node: int) -> Post:
    asked = _signed(stack, node)
    card = asked.send(key())
    assert httpx.codes.CREATED == card.status_code, card.text
    code = asked.payer.codes()[-1]
    return Post(
        payer=asked.payer,
        line=SHOP,
        path=f"/v1/cards/{card.json()['card_id']}/confirm",
        body={"sms_verify_code": code},
        others=[{"sms_verify_code": off_by(code, 1)}],
        slow="bank.quick_a.sign",
    )


def _checkout(stack: Stack, node: int) -> Post:
    payer = stack.payer(SHOP, node=node)
    other = stack.payer(SHOP, node=node)
    sign = {"pay_type": "QUICK_PAY", "channel": "quick_a", "account": "main"}

    def body() -> Body:
        return {
            "out_biz_no": f"c-{uuid.uuid4().hex}",
            "amount": 1250,
            "currency": "CNY",
            "subject": "两杯茶",
            "card_ids": [payer.card_id],
            "return_url": "https://shop.example/done",
        }

    asked = body()
    changes = (
        {"amount": 1251},
        {"currency": "USD"},
        {"subject": "三杯茶"},
        {"card_ids": [payer.card_id, other.card_id]},
        {"sign": sign},
        {"return_url": "https://shop.example/else"},
        {"locale": "en"},
        {"expires_in_s": 901},
    )
    return Post(
        payer=payer,
        line=SHOP,
        path="/v1/checkouts",
        body=asked,
        others=[{**asked, **change} for change in changes],
        fresh=body,
    )


def _at_case(
    stack: Stack, node: int, act: str, *, role: Role, **amount: object
) -> tuple[Post, str]:
    """A POST about a case of a payment that is open, and that case."""
    payer = stack.payer(SHOP, node=node)
    ref = case(stack, opened(payer), **amount)
    person = Person(stack, role, node=node)
    made = Post(
        payer=at_the_desk(payer, person),
        line=SHOP,
        path=f"/v1/desk/cases/{ref}/{act}",
        person=person,
    )
    return made, ref


def _reason(**more: object) -> Body:
    return {"why": f"as told, {uuid.uuid4().hex[:8]}", **more}


def _take(stack: Stack, node: int) -> Post:
    post, _ = _at_case(stack, node, "take", role=Role.OPERATOR)
    return replace(post, body=_reason(), others=[_reason()], fresh=_reason)


def _preview(stack: Stack, node: int) -> Post:
    post, _ = _at_case(stack, node, "cures", role=Role.OPERATOR)
    body = _reason(cure="NOTE")
    changes = ({"cure": "ENQUIRE"}, {"why": "another"})
    return replace(
        post,
        body=body,
        others=[{**body, **change} for change in changes],
        fresh=lambda: _reason(cure="NOTE"),
    )


def _approve(stack: Stack, node: int) -> Post:
    much = {"amount": 1250, "currency": "CNY"}
    post, ref = _at_case(stack, node, "", role=Role.APPROVER, **much)
    number = previewed(Person(stack, Role.OPERATOR, node=node), ref)
    path = f"{post.path}cures/{number}/approve"
    return replace(post, path=path, body=_reason(), others=[_reason()], fresh=_reason)


def _execute(stack: Stack, node: int) -> Post:
    post, ref = _at_case(stack, node, "", role=Role.OPERATOR)
    number = previewed(Person(stack, Role.OPERATOR, node=node), ref)
    return replace(post, path=f"{post.path}cures/{number}/execute")


CASES: dict[str, tuple[str, Maker]] = {
    "open": ("openQuickPayment", _open),
    "open, converted": ("openQuickPayment", _converted),
    "deduction": ("deduct", _deduction),
    "codes": ("sendCodeAgain", _codes),
    "codes, our own": ("sendCodeAgain", _own_codes),
    "confirm": ("confirm", _confirm),
    "confirm, deduct": ("confirm", _deduct),
    "confirm, wrong code": ("confirm", _wrong),
    "close": ("closePayment", _close),
    "card": ("registerCard", _card),
    "card, signed": ("registerCard", _signed),
    "confirm, signing": ("confirmCard", _signing),
    "checkout": ("createCheckout", _checkout),
    "refund": ("createRefund", _refund),
    "refund of a deduct": ("createRefund", _refund_of_deduct),
    "desk, take": ("takeCase", _take),
    "desk, preview": ("previewCure", _preview),
    "desk, approve": ("approveCure", _approve),
    "desk, execute": ("executeCure", _execute),
    **OPERATORS,
    **PAYMENTS,
    **SETUP,
}
"""Every case by its name: the call it belongs to, and how it is made ready."""


def ready(name: str, stack: Stack, *, node: int = 0) -> Post:
    """A case, ready to be made once, at a node."""
    return CASES[name][1](stack, node)


__all__ = [
    "CASES",
    "Post",
    "fresh",
    "key",
    "keys_kept",
    "off_by",
    "ready",
    "replays",
    "sql",
]
