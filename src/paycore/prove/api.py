"""The door of the simulated nodes: calls over a network that breaks, to nodes that die.

What HTTP is in production is a task on a machine here: core's use cases are called as
the API's handlers call them, with the same bytes for an answer.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from paycore.cards import service as cards
from paycore.cards.service import NewCard
from paycore.core import service as core
from paycore.core.agreements import service as agreements
from paycore.core.agreements.service import Typed, Wish
from paycore.core.order import Order, confirm_result_of, order_of
from paycore.core.refunds import service as refunds
from paycore.core.refunds.document import refund_of
from paycore.core.refunds.service import RefundRequest
from paycore.core.service import AnswerOf, KeptAnswer, KeyClaim, OpenRequest, View
from paycore.gateway import service as gateway
from paycore.kernel import errors
from paycore.kernel.crypto import content_hash
from paycore.kernel.node import Node
from paycore.kernel.terms import BizLineId, BizStatus, CardId, PayOrderNo
from paycore.prove import serving
from paycore.prove.loop import Machine, Power
from paycore.prove.serving import Asked

if TYPE_CHECKING:
    from paycore.prove.running import Running
    from paycore.prove.world import World

CALL_WITHIN_S = 20.0
CALLBACK_WITHIN_S = 5.0
ONE_WAY_S = 0.01

encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a caller gets: a status and a body; None: his connection broke."""

    status: int
    body: bytes = b""
    code: str = ""
    retry_after_s: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of what was asked for over HTTP."""

    def read(self) -> Mapping[str, Any]:
        """The body's members."""
        return msgspec.json.decode(self.body, type=dict[str, Any])


Work = Callable[[Node], Awaitable[KeptAnswer | Answer]]


def claim(line: str, path: str, key: str, body: bytes) -> KeyClaim:
    """What the API makes of a key and a body."""
    scope = hashlib.sha256(f"{line}\n{path}\n{key}".encode()).digest()
    return KeyClaim(scope=scope, fingerprint=content_hash(body))


class Api:
    """Calls to whichever node takes them."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._rng = world.stream("api")

    # --- the business line's calls ----------------------------------------------------

    async def open(self, request: OpenRequest, key: str) -> Answer | None:
        """POST /v1/quick-payments."""
        claimed = claim(request.biz_line, "open", key, msgspec.json.encode(request))
        return await self._call(
            lambda node: core.open_quick_payment(
                node, request, claimed, _order_answer(node)
            ),
            key,
        )

    async def deduct(self, request: OpenRequest, key: str) -> Answer | None:
        """POST /v1/deductions."""
        claimed = claim(request.biz_line, "deduct", key, msgspec.json.encode(request))
        return await self._call(
            lambda node: core.deduct(node, request, claimed, _deduct_answer(node)), key
        )

    async def resend(self, line: str, no: str, key: str) -> Answer | None:
        """POST /v1/quick-payments/{pay_order_no}/codes."""
        claimed = claim(line, f"codes {no}", key, b"{}")
        return await self._call(
            lambda node: core.resend_code(
                node, BizLineId(line), PayOrderNo(no), claimed, _order_answer(node)
            ),
            key,
        )

    async def confirm(
        self, line: str, no: str, code: str, key: str, *, of_another: bool = False
    ) -> Answer | None:
        """POST /v1/quick-payments/{pay_order_no}/confirm; perhaps under the key of
        another call, whose answer this one's is not.
        """
        claimed = claim(line, f"confirm {no}", key, code.encode())
        return await self._call(
            lambda node: core.confirm(
                node, BizLineId(line), PayOrderNo(no), code, claimed, _confirm_answer
            ),
            None if of_another else key,
        )

    async def close(self, line: str, no: str, key: str) -> Answer | None:
        """POST /v1/payments/{pay_order_no}/close."""
        claimed = claim(line, f"close {no}", key, b"{}")
        return await self._call(
            lambda node: core.close(
                node, BizLineId(line), PayOrderNo(no), claimed, _order_answer(node)
            ),
            key,
        )

    async def refund(self, request: RefundRequest, key: str) -> Answer | None:
        """POST /v1/refunds."""
        claimed = claim(request.biz_line, "refunds", key, msgspec.json.encode(request))
        return await self._call(
            lambda node: refunds.refund(node, request, claimed, _refund_answer), key
        )

    async def get(self, line: str, no: str) -> Answer | None:
        """GET /v1/payments/{pay_order_no}."""

        async def work(node: Node) -> KeptAnswer:
            row = await core.get(node, BizLineId(line), PayOrderNo(no))
            given_back = await core.refunded(node, row)
            view = View(payment=row, refunded=given_back)
            return KeptAnswer(status=200, body=encode(_order(node, view)))

        return await self._call(work, None)

    # --- cards that are signed --------------------------------------------------------

    async def sign(self, new: NewCard, wish: Wish, key: str) -> Answer | None:
        """POST /v1/cards, with what is to be signed."""
        said = msgspec.json.encode((new, wish))
        claimed = claim(new.biz_line, "cards", key, said)
        return await self._call(
            lambda node: agreements.sign(node, new, wish, claimed, _signing_answer), key
        )

    async def confirm_card(
        self, line: str, card_id: str, code: str, key: str
    ) -> Answer | None:
        """POST /v1/cards/{card_id}/confirm."""
        claimed = claim(line, f"confirm {card_id}", key, code.encode())
        typed = Typed(biz_line=BizLineId(line), card_id=CardId(card_id), code=code)
        return await self._call(
            lambda node: agreements.confirm(node, typed, claimed, _card_answer), key
        )

    async def card(self, line: str, card_id: str) -> Answer | None:
        """GET /v1/cards/{card_id}."""

        async def work(node: Node) -> KeptAnswer:
            row = await cards.card_of(node, BizLineId(line), CardId(card_id))
            status, body = _card_answer(await agreements.view_of(node, row))
            return KeptAnswer(status=status, body=body)

        return await self._call(work, None)

    async def revoke_card(self, line: str, card_id: str) -> Answer | None:
        """DELETE /v1/cards/{card_id}."""

        async def work(node: Node) -> KeptAnswer:
            await agreements.revoke(node, BizLineId(line), CardId(card_id))
            return KeptAnswer(status=204, body=b"")

        return await self._call(work, None)

    # --- over HTTP --------------------------------------------------------------------

    async def http(
        self,
        asked: Asked,
        key: str | None = None,
        *,
        taken: Callable[[Machine], object] | None = None,
    ) -> Answer | None:
        """A request to the API's own application; `taken` hears which node has it."""

        async def work(node: Node) -> Answer:
            served = await serving.serve(node, asked)
            return Answer(
                status=served.status,
                body=served.body,
                code=served.code,
                retry_after_s=served.retry_after_s,
                headers=served.headers,
            )

        return await self._call(work, key, taken=taken)

    # --- the desk's -------------------------------------------------------------------

    async def desk(self, work: Work) -> Answer | None:
        """A command of `paycore desk`: its document, or a refusal."""
        return await self._call(work, None)

    # --- a bank's ---------------------------------------------------------------------

    async def callback(
        self, channel: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Answer | None:
        """POST /callbacks/{channel}/{account}."""

        async def work(node: Node) -> KeptAnswer:
            received = await gateway.callback(
                node, channel, "main", path, headers, body
            )
            taken = await core.receive(node, received)
            status, said = received.accept(taken)
            return KeptAnswer(status=status, body=said)

        return await self._call(work, None, within_s=CALLBACK_WITHIN_S)

    # --- on the way -------------------------------------------------------------------

    async def _call(
        self,
        work: Work,
        key: str | None,
        *,
        within_s: float = CALL_WITHIN_S,
        taken: Callable[[Machine], object] | None = None,
    ) -> Answer | None:
        """One call to one node; None where the connection broke or time is up."""
        world = self._world
        await asyncio.sleep(self._rng.random() * ONE_WAY_S)
        running = world.some_node(self._rng)
        if running is None:
            return None
        answer: asyncio.Future[Answer | None] = world.loop.create_future()
        running.callers[answer] = None
        try:
            _begin(world, running, work, answer)
            if taken is not None:
                taken(running.machine)
            async with asyncio.timeout(within_s):
                got = await answer
        except TimeoutError:
            return None
        finally:
            running.callers.pop(answer, None)
        await asyncio.sleep(self._rng.random() * ONE_WAY_S)
        if got is not None and key is not None:
            world.oracle.hearing.answered(key, got)
        return got


def _begin(
    world: "World",
    running: "Running",
    work: Work,
    answer: "asyncio.Future[Answer | None]",
) -> None:
    """Have the node do it; what it answers is on its way when it is done."""

    async def handle() -> None:
        got = await _handled(world, running.machine, running.node, work)
        if not answer.done():
            answer.set_result(got)

    if running.machine.power is Power.DEAD:
        answer.set_result(None)
        return
    context = world.loop.context_of(running.machine)
    world.loop.create_task(handle(), context=context)


async def _handled(world: "World", machine: Machine, node: Node, work: Work) -> Answer:
    """As the API's outermost layer does: a refusal is an answer, a bug is a 500."""
    try:
        kept = await work(node)
    except errors.Refusal as refusal:
        return Answer(
            status=refusal.status,
            code=refusal.code,
            retry_after_s=refusal.retry_after_s,
        )
    except Exception as bug:  # noqa: BLE001 that is what a 500 is
        world.oracle.bug(machine, bug)
        return Answer(status=500)
    if isinstance(kept, Answer):
        return kept  # over HTTP: refusals and bugs are told by what serves it
    return Answer(status=kept.status, body=kept.body)


def reachable(running: "Running") -> bool:
    """Whether a load balancer would send anybody there."""
    return running.ready and running.machine.power is not Power.DEAD


def _order(node: Node, view: View) -> Order:
    return order_of(
        view.payment,
        now=node.now(),
        code_gap_s=node.settings.code_gap_s,
        refunded=view.refunded,
    )


def _order_answer(node: Node) -> AnswerOf:
    """As api/payments.py: 201 with what this request opened, 200 with what stands."""
    return lambda view: (201 if view.created else 200, encode(_order(node, view)))


def _deduct_answer(node: Node) -> AnswerOf:
    """As api/deductions.py: 202 where what it came to is not known yet."""

    def answer_of(view: View) -> tuple[int, bytes]:
        made = 202 if view.payment.biz_status is BizStatus.DOING else 201
        return made if view.created else 200, encode(_order(node, view))

    return answer_of


def _confirm_answer(view: View) -> tuple[int, bytes]:
    return 200, encode(confirm_result_of(view.payment, tries_left=view.tries_left))


def _refund_answer(view: View) -> tuple[int, bytes]:
    """As api/refunds.py."""
    assert view.refund is not None
    return 201 if view.created else 200, encode(refund_of(view.refund))


def _signing_answer(view: agreements.View) -> tuple[int, bytes]:
    """As api/cards.py."""
    return 201, _card_answer(view)[1]


def _card_answer(view: agreements.View) -> tuple[int, bytes]:
    """As api/signing.py: the card, what it may be used under, how its signing is."""
    assert view.signing is not None
    said = {
        "card_id": view.card.card_id,
        "status": view.card.status,
        "agreements": [[one.pay_type, one.channel] for one in view.agreements],
        "signing": view.signing.status,
        "verify_status": view.signing.verify_status,
        "resp_code": view.signing.resp_code,
    }
    return 200, encode(said)
