"""Stripe PaymentIntents, as a channel that only deducts (docs/channels/stripe.md).

The API of docs.stripe.com/api, version of `StripeConfig.api_version`: forms out, JSON
back, over HTTPS. It texts nobody a code, so there is no quick pay here: a card that
Stripe holds for a customer is charged with nobody present (`off_session`). The
agreement is both their names, `cus_…/pm_…`, given when the card is registered.

What differs from the usual:

- Stripe signs no reply. Who answers is vouched for by TLS alone, so the base URL must
  be https, and every reply must be about our object: our numbers in its metadata, our
  amount and currency, the mode that is configured. Webhooks are signed.
- A request is known by `Idempotency-Key`, for a day or little more, and a second one is
  answered with what was said to the first, a 500 too. So an answer that is replayed
  says only that there was a first: UNKNOWN. And an enquiry never sends the request
  again: it reads (the intent by its id, or the lists of its customer and of about
  that time, all of them).
- An intent that waits for the payer is no refusal until it is cancelled.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec.structs import replace

from paycore.gateway.call import (
    Ask,
    Beside,
    Callback,
    Operation,
    Reply,
    not_sent,
    unknown,
)
from paycore.gateway.channel import (
    WITHIN_S,
    Account,
    Channel,
    Outgoing,
    StatementChannel,
)
from paycore.gateway.masking import readable
from paycore.gateway.statement import (
    Arrived,
    Fetched,
    StatementLine,
    Take,
    whole_lines,
)
from paycore.gateway.stripe import statement
from paycore.gateway.stripe.answers import (
    WAITS,
    Wanted,
    judged_intent,
    judged_refund,
    of_intent,
    of_refund,
    refused,
)
from paycore.gateway.stripe.events import FOLLOWED, Event, genuine
from paycore.gateway.stripe.objects import (
    PAY_ORDER_NO,
    REQUEST_NO,
    Failed,
    Intent,
    Metadata,
    Method,
    Named,
    Page,
    Refund,
    is_theirs,
    parsed,
)
from paycore.gateway.stripe.refusals import AUTHENTICATION, CANCELED, REFUSALS
from paycore.gateway.stripe.requests import (
    Call,
    StripeConfig,
    begin_of,
    called,
    cancellation,
    config_of,
    of_day,
    parties_of,
    request_of,
)
from paycore.gateway.stripe.scrubbing import scrubbed
from paycore.kernel.addresses import is_vouched_for
from paycore.kernel.http import Answered, HttpRequest, HttpResult, NoAnswer, NotSent
from paycore.kernel.ids import payment_of
from paycore.kernel.node import Node
from paycore.kernel.outcome import Outcome

CANCEL_S: Final = 2.0
"""A cancellation has at least this long, however late the answer came that asks for it:
it cannot charge, and without it a person has to look."""

PAGE_S: Final = 30.0
MOST_PAGES: Final = 100
"""Of one enquiry. It ends by its time-out long before."""
_NO_SUCH: Final = frozenset({400, 404})
"""Of a customer's list: they have no such customer."""

NOT_ENQUIRABLE: Final = "NOT_ENQUIRABLE"
_REFUSED: Final = "REFUSED"
"""The code of a refusal without a word of Stripe's."""


class Stripe(Channel, StatementChannel):
    """Stripe PaymentIntents, charged off session."""

    code = "stripe"
    title = "Stripe"
    capabilities = frozenset(
        {Operation.DEDUCT, Operation.ENQUIRE, Operation.REFUND, Operation.REVOKE}
    )
    Config = StripeConfig
    secret_fields = ("secret_key", "webhook_secrets")
    acceptance_window = timedelta(minutes=5)
    confirm_inherits_request_no = False
    # A number is known for a day: later it would be paid again.
    refunds_once = False
    errors = REFUSALS
    statement_zone = UTC

    def unfit(self, account: Account) -> str:
        """TLS is all that says who answers."""
        if is_vouched_for(account.base_url):
            return ""
        return "Stripe signs no reply: the base URL must begin with https://"

    # --- out ------------------------------------------------------------------------

    def assemble(self, account: Account, ask: Ask) -> Outgoing:
        """Put it into a form, or say why it cannot be said."""
        call = called(ask)
        if isinstance(call, str):
            text = msgspec.json.encode({"refused": call}).decode()
            enquired = ask.operation is Operation.ENQUIRE
            answer = unknown(NOT_ENQUIRABLE, call) if enquired else not_sent(call)
            return Outgoing(ask=ask, masked=text, answer=answer)
        shown = {"call": f"{call.method} {call.path}", **call.fields}
        return Outgoing(
            ask=ask,
            masked=self.scrub(msgspec.json.encode(shown).decode()),
            http=request_of(account, call, ask.timeout_s),
            extra=call,
        )

    async def perform(self, node: Node, account: Account, outgoing: Outgoing) -> Reply:
        """Send once; an enquiry may need several pages, and what is not over needs a
        second request that ends it.
        """
        if outgoing.answer is not None:
            return outgoing.answer
        ask, call = outgoing.ask, outgoing.extra
        assert isinstance(call, Call), "what `assemble` made"
        if call.listed:
            return await self._looked_for(node, account, ask, call)
        started = node.clock.monotonic()
        reply = await super().perform(node, account, outgoing)
        left_s = ask.timeout_s - (node.clock.monotonic() - started)
        if ask.operation is Operation.DEDUCT and reply.resp_code in WAITS:
            return await self._cancelled(node, account, ask, reply, left_s)
        if ask.operation is Operation.REVOKE and reply.outcome is Outcome.DECLINED:
            return await self._detached_before(node, account, ask, reply, left_s)
        return reply

    async def _cancelled(
        self, node: Node, account: Account, ask: Ask, reply: Reply, left_s: float
    ) -> Reply:
        """End an intent that waits for the payer: only what is surely over is a no."""
        call = cancellation(reply.channel_ref)
        result = await _sent(node, request_of(account, call, max(left_s, CANCEL_S)))
        if not isinstance(result, Answered):
            return reply
        intent = _intent_in(result)
        if intent is None or intent.id != reply.channel_ref:
            return reply
        wanted = Wanted.by(ask, livemode=config_of(account).livemode)
        said = self._kept(of_intent(wanted, intent), result.body)
        if said.outcome is Outcome.UNKNOWN and said.amount is None:
            return reply
        if said.resp_code == CANCELED:
            said = replace(said, resp_code=AUTHENTICATION)
        return replace(said, kept=f"{reply.kept}\n{said.kept}")

    async def _detached_before(
        self, node: Node, account: Account, ask: Ask, reply: Reply, left_s: float
    ) -> Reply:
        """A method that is nobody's any more is refused: it is as it should be."""
        asked = replace(
            ask, operation=Operation.ENQUIRE, enquired_operation=Operation.REVOKE
        )
        call = called(asked)
        assert isinstance(call, Call)
        result = await _sent(node, request_of(account, call, max(left_s, CANCEL_S)))
        if not isinstance(result, Answered):
            return reply
        said = self._kept(self.read(account, asked, result), result.body)
        return said if said.outcome is Outcome.SUCCEEDED else reply

    async def _looked_for(
        self, node: Node, account: Account, ask: Ask, call: Call
    ) -> Reply:
        """Read lists to their ends, or to what has our number."""
        until, seen, first = node.clock.monotonic() + ask.timeout_s, 0, True
        for _ in range(MOST_PAGES):
            left_s = until - node.clock.monotonic()
            if left_s <= 0:
                break
            result = await _sent(node, request_of(account, call, left_s))
            if not isinstance(result, Answered):
                return _unanswered(result, first=first)
            first, page = False, _page(result)
            if page is None:
                if call.then is not None and result.status in _NO_SUCH:
                    call = call.then
                    continue
                return self._kept(self._no_page(account, ask, result), result.body)
            found = [
                octets
                for one, octets in page.objects
                if one.metadata.get(REQUEST_NO) == ask.request_no
            ]
            if found:
                return self._found(account, ask, found)
            seen += len(page.objects)
            if after := page.last:
                call = replace(call, fields={**call.fields, "starting_after": after})
            elif call.then is not None:
                call = call.then
            else:
                kept = msgspec.json.encode({"listed": seen}).decode()
                return replace(unknown("NOT_FOUND"), not_found=True, kept=kept)
        return unknown("LIST_TOO_LONG", f"not among the first {seen}")

    def _found(self, account: Account, ask: Ask, found: Sequence[bytes]) -> Reply:
        """What the one object says that has our number."""
        if len(found) > 1:
            return unknown("TWICE", alarm="two of theirs have this number")
        return self._kept(self._judged(account, ask, found[0]), found[0])

    # --- in -------------------------------------------------------------------------

    def read(self, account: Account, ask: Ask, answered: Answered) -> Reply:
        """Judge an answer by its object; one that was stored says only that there was
        an earlier request under this number.
        """
        reply = self._read(account, ask, answered)
        reply = replace(reply, resp_msg=self.scrub(reply.resp_msg))
        if answered.headers.get("idempotent-replayed") != "true":
            return reply
        return replace(reply, outcome=Outcome.UNKNOWN, blame=None, resp_code="REPLAYED")

    def _read(self, account: Account, ask: Ask, answered: Answered) -> Reply:
        match answered.status:
            case 200:
                return self._judged(account, ask, answered.body)
            case 400 | 402 | 404:
                return self._refused(account, ask, answered.body)
            case 401 | 403:
                # Surely not acted on, but a proxy says so as well: the breaker shall
                # open, and a payment is asked after once the key is right.
                failed = parsed(answered.body, Failed)
                said = (failed.error.message or "") if failed is not None else ""
                alarm = "Stripe refuses our key"
                return unknown(f"HTTP_{answered.status}", said, alarm=alarm)
        return unknown(f"HTTP_{answered.status}")

    def _judged(self, account: Account, ask: Ask, octets: bytes) -> Reply:
        """What an object says, if it is of the kind that was asked for."""
        config = config_of(account)
        wanted = Wanted.by(ask, livemode=config.livemode)
        match ask.enquired_operation or ask.operation:
            case Operation.DEDUCT if intent := parsed(octets, Intent):
                return of_intent(wanted, intent)
            case Operation.REFUND if refund := parsed(octets, Refund):
                return of_refund(wanted, refund)
            case Operation.REVOKE if method := parsed(octets, Method):
                return _of_method(config, ask, method)
        return _other(octets)

    def _refused(self, account: Account, ask: Ask, octets: bytes) -> Reply:
        """A no, by its intent's status where it has one; to an enquiry it is none."""
        failed = parsed(octets, Failed)
        if failed is None:
            return _other(octets)
        error = failed.error
        if ask.operation is Operation.ENQUIRE:
            lost = error.code == "resource_missing"
            alarm = "Stripe does not know what it told us" if lost else None
            return unknown(error.name or _REFUSED, error.message or "", alarm=alarm)
        intent = error.payment_intent
        if intent is None or ask.operation is not Operation.DEDUCT:
            return refused(unknown(_REFUSED), error)
        if intent.last_payment_error is None:
            intent = replace(intent, last_payment_error=error)
        wanted = Wanted.by(ask, livemode=config_of(account).livemode)
        return of_intent(wanted, intent)

    def _no_page(self, account: Account, ask: Ask, answered: Answered) -> Reply:
        """What came where a page of a list was wanted."""
        if answered.status == 200:
            return _other(answered.body)
        return self.read(account, ask, answered)

    def callback(
        self,
        account: Account,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        now: datetime,
    ) -> Callback | Beside | None:
        """Trust an event that is signed and fresh; what else happens on our account,
        and what others do there, is beside.
        """
        config = config_of(account)
        here = path.endswith(f"/callbacks/{account.channel}/{account.account}")
        signed = headers.get("stripe-signature", "")
        if not here or not genuine(config.webhook_secrets, signed, body, now):
            return None
        event = parsed(body, Event)
        operation = None if event is None else FOLLOWED.get(event.type)
        if event is None or operation is None or event.elsewhere:
            return Beside()
        if event.livemode is not config.livemode:
            return Beside()
        told = _told(operation, event)
        if told is None:
            return None
        metadata, reply = told
        request_no = metadata.get(REQUEST_NO, "")
        if payment_of(request_no) is None:
            return Beside()
        return Callback(
            request_no=request_no,
            pay_order_no=metadata.get(PAY_ORDER_NO),
            operation=operation,
            merchant="",
            reply=replace(reply, resp_msg=self.scrub(reply.resp_msg)),
        )

    def explain(self, account: Account, reply: Reply) -> str:
        """What Stripe's answers to a test call mean for whoever set the account up."""
        if "API version" in reply.resp_msg:
            return "Stripe has no such version: look at api_version"
        return _SAYS.get(reply.resp_code, "")

    # --- statements -----------------------------------------------------------------

    async def fetch_statement(
        self, node: Node, account: Account, day: date, take: Take
    ) -> Fetched:
        """Read the day's balance transactions page by page, and keep them as lines."""
        if node.now() < begin_of(day + timedelta(days=1)):
            return Fetched(arrived=Arrived.ABSENT, said=Arrived.ABSENT.value)
        until, lines, call = node.clock.monotonic() + WITHIN_S, 0, of_day(day)
        await take(statement.heading(day))
        while node.clock.monotonic() < until:
            result = await _sent(node, request_of(account, call, PAGE_S))
            match result:
                case NotSent(reason=reason) | NoAnswer(reason=reason):
                    return Fetched(arrived=Arrived.FAILED, said=reason)
                case Answered(status=status) if status != 200:
                    return Fetched(arrived=Arrived.FAILED, said=f"HTTP {status}")
            page = statement.kept(result.body)
            if page is None:
                return Fetched(arrived=Arrived.FAILED, said="it is no list of theirs")
            await take(page.octets)
            lines += page.lines
            if page.after is None:
                await take(statement.trailer(lines))
                return Fetched(arrived=Arrived.WHOLE, said="")
            after = {**call.fields, "starting_after": page.after}
            call = replace(call, fields=after)
        return Fetched(arrived=Arrived.FAILED, said=f"more than {WITHIN_S:g} s")

    def ask_statement(
        self, account: Account, day: date, *, at: datetime, timeout_s: float
    ) -> HttpRequest:
        """The first page."""
        return request_of(account, of_day(day), timeout_s)

    async def read_statement(
        self, account: Account, day: date, octets: AsyncIterator[bytes]
    ) -> AsyncIterator[StatementLine]:
        """Read line by line; the trailer at the end says whether it was all of it."""
        reading = statement.Reading(day)
        async for block in whole_lines(octets):
            for line in reading.lines(block):
                yield line
        reading.end()

    # --- kept -----------------------------------------------------------------------

    def scrub(self, text: str) -> str:
        """Mask what charges, and what is a person's; in JSON, in forms, in pages."""
        return scrubbed(text)

    def _kept(self, reply: Reply, octets: bytes) -> Reply:
        return replace(
            reply,
            resp_msg=self.scrub(reply.resp_msg),
            kept=self.scrub(readable(octets)),
        )


_SAYS: Final = MappingProxyType(
    {
        "HTTP_401": "Stripe does not know this secret key, or it was rolled: look at"
        " secret_key",
        "HTTP_403": "Stripe knows this key and it may not do that: a restricted key"
        " needs to write payment intents, refunds and payment methods, and to read"
        " balance transactions; a list of allowed addresses needs ours",
        "OTHER_MODE": "the key is of the other mode, live or test: look at secret_key"
        " and livemode",
        "HTTP_429": "Stripe takes no more for the moment: try again",
    }
)


async def _sent(node: Node, request: HttpRequest) -> HttpResult:
    connect_s = node.settings.connect_timeout_s
    return await node.transport.send(replace(request, connect_timeout_s=connect_s))


class _Page(msgspec.Struct, frozen=True):
    """A good page of a list."""

    objects: list[tuple[Named, bytes]]
    last: str | None
    """Behind which the next page begins; None: there is none."""


def _page(answered: Answered) -> _Page | None:
    """The page; None where it is none, or one of its objects is no good."""
    page = parsed(answered.body, Page) if answered.status == 200 else None
    if page is None or (page.has_more and not page.data):
        return None
    objects = [(parsed(raw, Named), bytes(raw)) for raw in page.data]
    good = [(one, octets) for one, octets in objects if one is not None]
    if len(good) != len(objects):
        return None
    return _Page(good, good[-1][0].id if page.has_more else None)


def _unanswered(result: NotSent | NoAnswer, *, first: bool) -> Reply:
    """Of several requests only the first says that nothing left."""
    if isinstance(result, NotSent) and first:
        return not_sent(result.reason)
    return unknown("NO_ANSWER", result.reason)


def _other(octets: bytes) -> Reply:
    """What is not what was asked for: theirs perhaps, but to another question."""
    if is_theirs(octets):
        return unknown("OTHER_OBJECT", alarm="the answer is to another question")
    return unknown("GARBAGE")


def _told(operation: Operation, event: Event) -> tuple[Metadata, Reply] | None:
    """Whose an event's object is, and what it says; None where it cannot be read."""
    if operation is Operation.DEDUCT:
        intent = parsed(event.data.object, Intent)
        return None if intent is None else (intent.metadata, judged_intent(intent))
    refund = parsed(event.data.object, Refund)
    return None if refund is None else (refund.metadata, judged_refund(refund))


def _intent_in(answered: Answered) -> Intent | None:
    """The intent of an answer, or of its refusal."""
    if answered.status == 200:
        return parsed(answered.body, Intent)
    failed = parsed(answered.body, Failed)
    return None if failed is None else failed.error.payment_intent


def _of_method(config: StripeConfig, ask: Ask, method: Method) -> Reply:
    """Whether a payment method can still charge."""
    if method.id != parties_of(ask)[1]:
        return unknown("OTHER_OBJECT", alarm="the answer is about another method")
    if method.livemode is not config.livemode:
        return unknown("OTHER_MODE", alarm="the answer is of the other mode")
    if method.customer is None:
        return Reply(outcome=Outcome.SUCCEEDED, resp_code="detached")
    enquires = ask.operation is Operation.ENQUIRE
    return replace(unknown("attached"), not_found=enquires)
