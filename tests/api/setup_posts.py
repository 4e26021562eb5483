"""POSTs about what is set up, ready to be made."""

import itertools
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from inside import inside
from operating import Person, at_the_desk
from operator_posts import because
from posting import Body, Post
from stack import SHOP, Stack

from paycore.gateway import accounts
from paycore.kernel.node import Node
from paycore.operators.roles import Role

BANK = "/v1/console/channels/quick_a/main"
NEVER = 300
"""Days from now: no test is there when it comes."""

_days = itertools.count(1)


def as_admin(stack: Stack, node: int, path: str) -> Post:
    """A POST of an admin's that takes a reason."""
    admin = Person(stack, Role.ADMIN, node=node)
    return Post(
        payer=at_the_desk(stack.payer(SHOP, node=node), admin),
        line=SHOP,
        path=path,
        body=because(),
        others=[because()],
        fresh=because,
        person=admin,
    )


def with_body(post: Post, body: Callable[[], Body], *changes: Body) -> Post:
    """The POST with that body; each of the changes makes it another request."""
    post.body, post.fresh = body(), body
    post.others = [{**post.body, **change} for change in (*changes, because())]
    return post


def moment(**after: float) -> str:
    """So long from now, as it is written."""
    return (datetime.now(UTC) + timedelta(**after)).isoformat()


def far() -> Body:
    """A window that no test sees begin."""
    day = NEVER + next(_days) % 60
    return {"from": moment(days=day), "to": moment(days=day, hours=1), **because()}


def spare(stack: Stack) -> str:
    """An account that no route leads to, so that it may be switched."""
    name = f"spare_{uuid.uuid4().hex[:8]}"

    async def add(node: Node) -> None:
        await accounts.save(
            node,
            channel="sms_centre",
            account=name,
            driver="sms_centre",
            base_url="",
            credentials={},
        )

    inside(stack, add)
    return f"/v1/console/channels/sms_centre/{name}"


def _off() -> Body:
    return {"enabled": False, **because()}


def _switch(stack: Stack, node: int) -> Post:
    post = as_admin(stack, node, f"{spare(stack)}/switch")
    return with_body(post, _off, {"enabled": True})


def _window(stack: Stack, node: int) -> Post:
    post = as_admin(stack, node, f"{spare(stack)}/windows")
    return with_body(post, far, {"to": moment(days=NEVER, hours=9)})


def _end(stack: Stack, node: int) -> Post:
    post = as_admin(stack, node, f"{spare(stack)}/windows")
    made = post.person.api.post(
        post.path, json=far(), headers={"Idempotency-Key": uuid.uuid4().hex}
    )
    assert 201 == made.status_code, made.text
    post.path += f"/{made.json()['window_id']}/end"
    return post


def _check(stack: Stack, node: int) -> Post:
    post = as_admin(stack, node, f"{BANK}/check")
    post.body, post.others, post.fresh = {}, (), None
    return post


def _switch_carrier(stack: Stack, node: int) -> Post:
    post = as_admin(stack, node, "/v1/console/carriers/b/switch")
    on: Body = {"enabled": True}
    return with_body(post, lambda: {**on, **because()})


def _check_carrier(stack: Stack, node: int) -> Post:
    post = as_admin(stack, node, "/v1/console/carriers/a/check")
    post.body, post.others, post.fresh = {}, (), None
    return post


SETUP: dict[str, tuple[str, Callable[[Stack, int], Post]]] = {
    "channel, switch": ("switchChannel", _switch),
    "channel, window": ("openWindow", _window),
    "channel, window's end": ("endWindow", _end),
    "channel, check": ("checkChannel", _check),
    "carrier, switch": ("switchCarrier", _switch_carrier),
    "carrier, check": ("checkCarrier", _check_carrier),
}
