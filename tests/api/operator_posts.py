"""POSTs about operators, ready to be made."""

import uuid
from collections.abc import Callable

from operating import Person, at_the_desk
from posting import Body, Post
from stack import SHOP, Stack

from paycore.operators.roles import Role


def _as_admin(stack: Stack, node: int, path: str) -> Post:
    admin = Person(stack, Role.ADMIN, node=node)
    payer = at_the_desk(stack.payer(SHOP, node=node), admin)
    return Post(
        payer=payer,
        line=SHOP,
        path=f"/v1/console/operators{path}",
        body=because(),
        others=[because()],
        fresh=because,
        person=admin,
    )


def because() -> Body:
    """A reason, another each time."""
    return {"why": f"as told, {uuid.uuid4().hex[:8]}"}


def newcomer() -> Body:
    """Somebody to be invited."""
    return {"name": f"new-{uuid.uuid4().hex[:8]}", "role": "viewer", **because()}


def _invite(stack: Stack, node: int) -> Post:
    post, asked = _as_admin(stack, node, ""), newcomer()
    changes = ({"name": f"x-{uuid.uuid4().hex}"}, {"role": "admin"}, because())
    post.body, post.fresh = asked, newcomer
    post.others = [{**asked, **change} for change in changes]
    return post


def _revoke(stack: Stack, node: int) -> Post:
    return _as_admin(stack, node, f"/{_somebody(stack)}/revoke")


def _again(stack: Stack, node: int) -> Post:
    return _as_admin(stack, node, f"/{_somebody(stack)}/invitation")


def _somebody(stack: Stack) -> str:
    return Person(stack, Role.VIEWER).operator_id


OPERATORS: dict[str, tuple[str, Callable[[Stack, int], Post]]] = {
    "operators, invite": ("inviteOperator", _invite),
    "operators, revoke": ("revokeOperator", _revoke),
    "operators, invite again": ("inviteOperatorAgain", _again),
}
