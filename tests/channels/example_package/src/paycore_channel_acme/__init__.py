"""Acme: JSON over HTTPS, both ways signed with HMAC-SHA256.

What stands here is an interface that nobody has, whole and working, so that there is
something to change: it takes money under a mandate, and is asked what became of it.
CHANGE this docstring first: whose interface it is, which version, where it is
described, and what differs from the usual. Its first sentence is on the page of
channels.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Final, cast

import msgspec

from paycore.gateway.call import Ask, Operation, Reply, of_other_money, unknown
from paycore.gateway.channel import BAD_SIGNATURE, Account, Channel, Outgoing
from paycore.gateway.masking import masked
from paycore.kernel.crypto import same
from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.mask import mask_code, mask_text
from paycore.kernel.outcome import Blame, Outcome

FRESH_S: Final = 300
"""How old an answer may be, and how far their clock may be off: an old one may be a
copy.
"""

# CHANGE: their paths. The path is signed too, so that the answer to one question
# cannot be passed off as the answer to another.
_PATHS: Final = {Operation.DEDUCT: "/v1/deduct", Operation.ENQUIRE: "/v1/enquire"}

_OF_ASKING: Final = frozenset({"BAD_REQUEST"})
"""Refusals that, answered to an enquiry, are about the question and not the order: were
they taken for the order's, one wrong question would free money that was taken.
"""

_PLAIN: Final = frozenset(
    {"merchant", "order_no", "status", "code", "ref", "amount", "currency"}
)
"""Fields with nothing of a payer: all that is kept of a message, but for its words."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are there. CHANGE: their names for it; each field with a line below."""

    merchant: str
    """Our number there."""
    secret: str
    """Key of the signatures, in hex."""

    def __post_init__(self) -> None:
        """Refuse a key that cannot be used, when it is saved and not at a payment."""
        if not bytes.fromhex(self.secret):
            raise ValueError("no secret")

    def __repr__(self) -> str:
        """Nothing of the secret: what is shown ends in somebody's log."""
        return f"Credentials(merchant={self.merchant!r})"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What they answer, as far as we look. What is required is what we rely on: an
    answer without it is garbage, and garbage is unknown.
    """

    merchant: str
    order_no: str
    status: str
    code: str
    message: str = ""
    ref: str | None = None
    amount: int | None = None
    currency: str | None = None


_ANSWER: Final = msgspec.json.Decoder(Answer)
_FIELDS: Final = msgspec.json.Decoder(dict[str, object])


class AcmeChannel(Channel):
    """CHANGE: the declaration block. The core decides by it, and by nothing else."""

    code = "acme"
    title = "Acme"
    # What is not here is never asked of it. Without ENQUIRE an unknown result would
    # wait for a person.
    capabilities = frozenset({Operation.DEDUCT, Operation.ENQUIRE})
    currencies = frozenset({"CNY"})
    Config = Credentials
    # Never kept, never shown; looked for in every text, whatever `scrub` let through.
    secret_fields = ("secret",)
    # How long after the call's last possible octet an order may still turn up there.
    # Too short, and the money is taken again elsewhere: ask them, and add to it.
    acceptance_window = timedelta(minutes=10)
    # DECLINED only where they surely took nothing, with whom it blames: another card,
    # another channel or nothing may follow from that. Leave out what you are not sure
    # of: it is UNKNOWN, and unknown is asked after.
    errors: ClassVar[Mapping[str, tuple[Outcome, Blame | None]]] = {
        "INSUFFICIENT_FUNDS": (Outcome.DECLINED, Blame.PAYER),
        "MANDATE_ENDED": (Outcome.DECLINED, Blame.CARD),
        "MAINTENANCE": (Outcome.DECLINED, Blame.CHANNEL),
        "BAD_REQUEST": (Outcome.DECLINED, Blame.REQUEST),
        # It was asked for before, and may have been paid then.
        "DUPLICATE_ORDER": (Outcome.UNKNOWN, None),
    }

    # --- out ------------------------------------------------------------------------

    def assemble(self, account: Account, ask: Ask) -> Outgoing:
        """Build and sign the message, and mask what is kept of it.

        Nothing is sent here. It is committed first, then sent once, by the gateway.
        """
        fields: dict[str, str | int | None] = {"order_no": ask.request_no}
        if ask.operation is Operation.DEDUCT:
            # Amounts are whole minor units. CHANGE where they want a decimal, by
            # paycore.kernel.money; never by a float.
            fields |= {"amount": ask.amount, "currency": ask.currency}
            fields["mandate"] = ask.agreement
        body = msgspec.json.encode(fields)
        path = _PATHS[ask.operation]
        shown = fields | ({"mandate": mask_code("")} if "mandate" in fields else {})
        return Outgoing(
            ask=ask,
            masked=msgspec.json.encode(shown).decode(),
            http=HttpRequest(
                url=account.base_url + path,
                headers=_signed(_config(account), path, body, ask.asked_at),
                body=body,
                timeout_s=ask.timeout_s,
            ),
        )

    # --- in -------------------------------------------------------------------------

    def read(self, account: Account, ask: Ask, answered: Answered) -> Reply:
        """Trust an answer that is signed, about this order, and says a word we know.

        The order of these looks is the point: nothing of an answer is read before it
        is known to be theirs, and nothing said before it is known to be about this.
        """
        if answered.status != 200:
            # A proxy's, or theirs in trouble: it may have been acted on all the same.
            return unknown(f"HTTP_{answered.status}")
        config, path = _config(account), _PATHS[ask.operation]
        fault = _untrusted(config, path, answered, ask.asked_at)
        if fault is not None:
            # By this code credentials that were replaced are tried too (`believed`).
            return unknown(BAD_SIGNATURE, alarm=fault)
        try:
            answer = _ANSWER.decode(answered.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return unknown("GARBAGE")
        if (answer.merchant, answer.order_no) != (config.merchant, ask.request_no):
            return unknown("OTHER_ORDER", alarm="the answer is about another order")
        return _of_our_amount(ask, self._judged(answer, ask.operation))

    def _judged(self, answer: Answer, operation: Operation) -> Reply:
        """Give their words as our outcome. CHANGE: their words."""
        outcome, blame, not_found = Outcome.UNKNOWN, None, False
        enquiry = operation is Operation.ENQUIRE
        match answer.status:
            case "PAID":
                outcome = Outcome.SUCCEEDED
            case "PROCESSING":
                outcome = Outcome.PENDING
            case "REFUSED" if not (enquiry and answer.code in _OF_ASKING):
                outcome, blame = self.errors.get(answer.code, (outcome, None))
            case "NOT_FOUND":
                # Only of an enquiry, and never final by itself: the core waits for
                # the acceptance window.
                not_found = enquiry
        return Reply(
            outcome=outcome,
            blame=blame,
            resp_code=answer.code,
            resp_msg=answer.message,
            channel_ref=answer.ref,
            amount=answer.amount,
            currency=answer.currency,
            not_found=not_found,
        )

    # --- kept -----------------------------------------------------------------------

    def scrub(self, text: str) -> str:
        """Keep what is known to hold nothing of a payer; leave out all the rest.

        A list of what to hide would miss the field that they add next year.
        """
        try:
            fields = _FIELDS.decode(text)
        except (msgspec.MsgspecError, RecursionError):
            # Not of the protocol: an error page. What looks like a card, a phone or
            # an ID number goes; of this call's own secrets the gateway takes care.
            return mask_text(text)
        shown = {
            name: value
            for name, value in fields.items()
            if name in _PLAIN and isinstance(value, str | int | None)
        }
        if isinstance(message := fields.get("message"), str):
            shown["message"] = masked(message)
        return msgspec.json.encode(shown).decode()


def _config(account: Account) -> Credentials:
    return cast("Credentials", account.config)


def _signed(
    config: Credentials, path: str, body: bytes, at: datetime
) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    return {
        "Content-Type": "application/json",
        "X-Merchant": config.merchant,
        "X-Timestamp": stamp,
        "X-Signature": _signature(config, path, stamp, body),
    }


def _signature(config: Credentials, path: str, stamp: str, body: bytes) -> str:
    """CHANGE: what they sign, and how. Over the raw octets, as they came: text that is
    parsed and written again may read the same and be another.
    """
    text = b"%b\n%b\n%b" % (path.encode(), stamp.encode(), body)
    return hmac.digest(bytes.fromhex(config.secret), text, "sha256").hex()


def _untrusted(
    config: Credentials, path: str, answered: Answered, now: datetime
) -> str | None:
    """Why an answer is not to be trusted, None where it is."""
    stamp = answered.headers.get("x-timestamp", "")
    given = answered.headers.get("x-signature", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        return "the timestamp is none"
    expected = _signature(config, path, stamp, answered.body)
    # Compared in constant time: else how long a no takes would tell how near it was.
    if not same(expected.encode(), given.encode("utf-8", "replace")):
        return "the signature is wrong"
    if abs(int(stamp) - now.timestamp()) > FRESH_S:
        return "the timestamp is too far off"
    return None


def _of_our_amount(ask: Ask, reply: Reply) -> Reply:
    """A yes over another amount is none: a person looks, and is told which it was."""
    if reply.outcome is not Outcome.SUCCEEDED:
        return reply
    if (reply.amount, reply.currency) == (ask.amount, ask.currency):
        return reply
    return of_other_money(reply)
