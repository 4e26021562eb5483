"""POSTs about what is set up, ready to be made."""

import itertools
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta

import httpx2 as httpx
from facts import delivered
from inside import inside
from operating import Person, at_the_desk
from operator_posts import because
from posting import Body, Post
from stack import SHOP, Stack

from paycore.gateway import accounts
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId
from paycore.lines import service as lines
from paycore.notify import service as notify
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


def told(stack: Stack, node: int = 0) -> tuple[str, str]:
    """A notice that was delivered, and that stands so; its payment's number."""
    payer = stack.payer(SHOP, node=node)
    no = payer.open().json()["pay_order_no"]
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    return delivered(stack, no), no


def endpoint(stack: Stack) -> str:
    """An end point of a line that nobody pays."""
    line = f"idle-{uuid.uuid4().hex[:8]}"

    async def add(node: Node) -> str:
        await lines.create_line(node, line, title="Idle", currencies=["CNY"])
        url = "http://127.0.0.1:9/told"
        return (await notify.add_endpoint(node, BizLineId(line), url))[0]

    return inside(stack, add)


def _replay(stack: Stack, node: int) -> Post:
    notice_id, _ = told(stack, node)
    return as_admin(stack, node, f"/v1/console/notices/{notice_id}/replays")


def times() -> Body:
    """A time of long ago, in which nothing was told."""
    hour = next(_days) % 20
    times = {"from": f"2020-01-01T{hour:02d}:00:00Z", "to": "2020-01-02T00:00:00Z"}
    return {**times, **because()}


def _replays(stack: Stack, node: int) -> Post:
    post = as_admin(stack, node, "/v1/console/notices/replays")
    return with_body(post, times, {"preview": True}, {"type": "payment.succeeded"})


def _switch_endpoint(stack: Stack, node: int) -> Post:
    path = f"/v1/console/endpoints/{endpoint(stack)}/switch"
    return with_body(as_admin(stack, node, path), _off, {"enabled": True})


def _secret(stack: Stack, node: int) -> Post:
    return as_admin(stack, node, f"/v1/console/endpoints/{endpoint(stack)}/secrets")


def rule(**changes: object) -> Body:
    """A rule that has no say: about a bank, of amounts that nobody pays."""
    return {
        "rule_id": f"r-{uuid.uuid4().hex[:12]}",
        "title": "as tested",
        "condition": "amount > 999999999999",
        "effect": "DROP",
        "channel": "quick_a",
        **changes,
    }


def newest(person: Person) -> int:
    """The newest version of the rules."""
    return person.api.get("/v1/console/routes").json()["version"]


@dataclass(kw_only=True)
class OnNewest(Post):
    """A POST on the newest version of the rules, as that is when it is first made."""

    first: threading.Lock = field(default_factory=threading.Lock)
    made: bool = False

    def send(self, headers: object = (), **how: object) -> httpx.Response:
        """Make it; the answer."""
        self.settle()
        return super().send(headers, **how)

    def settle(self) -> None:
        """From now on it is about the version that is the newest now."""
        with self.first:
            if not self.made:
                self.body = {**self.body, "on_version": newest(self.person)}
                self.made = True


def on_newest(post: Post) -> Post:
    """The same, on the newest version."""
    known = {one.name: getattr(post, one.name) for one in fields(post)}
    return OnNewest(**known)


def _validate(stack: Stack, node: int) -> Post:
    post = as_admin(stack, node, "/v1/console/routes/validations")
    post.body = {"rules": [rule()]}
    post.others = [{"rules": []}, {"rules": [rule(), rule()]}]
    post.fresh = lambda: {"rules": [rule()]}
    return post


def facts(**changes: object) -> Body:
    """A payment that nobody makes."""
    money = {"amount": 1 + next(_days), "currency": "CNY"}
    return {"biz_line": "shop", **money, **changes}


def _try(stack: Stack, node: int) -> Post:
    post = as_admin(stack, node, "/v1/console/routes/trials")
    post.body, post.fresh = {"facts": facts()}, lambda: {"facts": facts()}
    post.others = [{"facts": facts(trans_type="DEDUCT")}, {**post.body, "rules": []}]
    return post


def _publish(stack: Stack, node: int) -> Post:
    post = as_admin(stack, node, "/v1/console/routes")

    def body() -> Body:
        on = newest(post.person)
        return {"rules": [rule()], "on_version": on, **because()}

    return on_newest(with_body(post, body, {"rules": []}, {"on_version": 0}))


def _roll_back(stack: Stack, node: int) -> Post:
    post = as_admin(stack, node, "/v1/console/routes/rollbacks")

    def body() -> Body:
        for _ in range(2):
            sent = {
                "rules": [rule()],
                "on_version": newest(post.person),
                **because(),
            }
            made = post.person.api.post(
                "/v1/console/routes",
                json=sent,
                headers={"Idempotency-Key": uuid.uuid4().hex},
            )
            assert 201 == made.status_code, made.text
        on = made.json()["version"]
        return {"version": on - 1, "on_version": on, **because()}

    return on_newest(with_body(post, body, {"on_version": 0}))


def idle_line(stack: Stack) -> str:
    """A line that nobody calls for."""
    line = f"idle-{uuid.uuid4().hex[:8]}"

    async def add(node: Node) -> None:
        await lines.create_line(node, line, title="Idle", currencies=["CNY"])

    inside(stack, add)
    return f"/v1/console/lines/{line}"


def _key(stack: Stack, node: int) -> Post:
    post = as_admin(stack, node, f"{idle_line(stack)}/keys")
    return with_body(post, because, {"label": "another"})


def _revoke_key(stack: Stack, node: int) -> Post:
    path = f"{idle_line(stack)}/keys"
    post = as_admin(stack, node, path)
    made = post.person.api.post(
        path, json=because(), headers={"Idempotency-Key": uuid.uuid4().hex}
    )
    assert 201 == made.status_code, made.text
    post.path = f"{path}/{made.json()['key_id']}/revoke"
    return post


def _job(stack: Stack, node: int) -> Post:
    return as_admin(stack, node, "/v1/console/jobs/channels/runs")


def _audit(stack: Stack, node: int) -> Post:
    return as_admin(stack, node, "/v1/console/invariants/runs")


SETUP: dict[str, tuple[str, Callable[[Stack, int], Post]]] = {
    "channel, switch": ("switchChannel", _switch),
    "channel, window": ("openWindow", _window),
    "channel, window's end": ("endWindow", _end),
    "channel, check": ("checkChannel", _check),
    "carrier, switch": ("switchCarrier", _switch_carrier),
    "carrier, check": ("checkCarrier", _check_carrier),
    "notice, replay": ("replayNotice", _replay),
    "notices, replay": ("replayNotices", _replays),
    "routes, validate": ("validateRoutes", _validate),
    "routes, try": ("tryRoute", _try),
    "routes, publish": ("publishRoutes", _publish),
    "routes, roll back": ("rollBackRoutes", _roll_back),
    "key": ("makeKey", _key),
    "key, revoke": ("revokeKey", _revoke_key),
    "job": ("runJob", _job),
    "invariants": ("runInvariants", _audit),
    "end point, switch": ("switchEndpoint", _switch_endpoint),
    "end point, secret": ("rotateSecret", _secret),
}
