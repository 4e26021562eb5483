"""POSTs of operators about one payment, ready to be made."""

from collections.abc import Callable

from facts import delivered
from operating import Person, at_the_desk
from operator_posts import because
from posting import Post, opened
from stack import SHOP, Payer, Stack

from paycore.operators.roles import Role


def _about(payer: Payer, no: str, what: str, node: int) -> Post:
    person = Person(payer.stack, Role.OPERATOR, node=node)
    return Post(
        payer=at_the_desk(payer, person),
        line=SHOP,
        path=f"/v1/console/payments/{no}/{what}",
        body=because(),
        others=[because()],
        fresh=because,
        person=person,
    )


def _close(stack: Stack, node: int) -> Post:
    payer = stack.payer(SHOP, node=node)
    post = _about(payer, opened(payer), "close", node)
    post.slow = "bank.quick_*.enquire"
    return post


def _enquire(stack: Stack, node: int) -> Post:
    """Money was asked for, and the channel says nothing of it for now."""
    payer = stack.payer(SHOP, node=node)
    no = opened(payer)
    stack.fault("bank.quick_*.confirm", "timeout_after", count=1)
    stack.fault("bank.quick_*.enquire", "http_500")
    payer.confirm(no)
    return _about(payer, no, "enquire", node)


def _notices(stack: Stack, node: int) -> Post:
    payer = stack.payer(SHOP, node=node)
    no = opened(payer)
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    delivered(stack, no)
    return _about(payer, no, "notices", node)


PAYMENTS: dict[str, tuple[str, Callable[[Stack, int], Post]]] = {
    "payment, close": ("closeConsolePayment", _close),
    "payment, enquire": ("enquireConsolePayment", _enquire),
    "payment, tell again": ("notifyConsolePayment", _notices),
}
