"""The sandbox's banks: JSON over HTTP, signed with HMAC-SHA256 (docs/sandbox.md).

One file for all of them: they speak the same protocol, and which bank can do what is
said by the transaction types of its account. A confirm carries the request number of
its send. The card travels encrypted (AES-256-GCM, bound to the request number); a
charge is asked for by agreement number.
"""

import base64
import hashlib
import hmac
import os
import re
from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar, Final, cast

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from paycore.gateway.call import (
    Ask,
    Callback,
    Operation,
    Reply,
    of_other_money,
    unknown,
)
from paycore.gateway.channel import Account, Channel, Outgoing, StatementChannel
from paycore.gateway.masking import masked
from paycore.gateway.signed_csv import SignedCsv
from paycore.gateway.statement import StatementLine, whole_lines
from paycore.kernel.crypto import same
from paycore.kernel.http import Answered, HttpRequest
from paycore.kernel.mask import (
    mask_card,
    mask_code,
    mask_id_no,
    mask_name,
    mask_phone,
    mask_text,
)
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import VerifyStatus

Field = str | int | None

FRESH_S: Final = 300
"""How far the other side's clock may be off, and how old a message may be."""

_NONCE_OCTETS: Final = 12
_KEY_OCTETS: Final = 32

_DECLINED: Final = Outcome.DECLINED

_SAYS_OF_CODE: Final = MappingProxyType(
    {"CODE_WRONG": VerifyStatus.WRONG, "CODE_EXPIRED": VerifyStatus.EXPIRED}
)

_SEALED: Final = re.compile(r"[A-Za-z0-9+/]{80,}={0,2}")
"""An encrypted card, wherever it stands; nothing else of the protocol is so long."""

_OF_ASKING: Final = frozenset({"BAD_REQUEST", "ORDER_NOT_FOUND"})
"""Refusals that, answered to an enquiry, say nothing of the order asked after."""

_BY_NAME: Final = MappingProxyType(
    {
        "number": mask_card,
        "phone": mask_phone,
        "name": mask_name,
        "id_no": mask_id_no,
        "token": mask_code,
        "card_enc": mask_code,
    }
)
"""Fields that are masked whatever they hold."""

_PLAIN: Final = frozenset(
    {"request_id", "pay_order_no", "merchant", "status", "bank_ref", "currency", "at"}
)
"""Fields of a reply that hold nothing of a payer, and digits that look like a card."""


class SandboxConfig(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Who we are at a bank of the sandbox."""

    merchant: str
    secret: str
    """Key of the signatures, in hex."""
    encryption_key: str
    """AES-256 key of the card's facts, in hex."""

    def __post_init__(self) -> None:
        """Refuse keys that cannot be used, when they are saved and not at a call."""
        secret, key = map(bytes.fromhex, (self.secret, self.encryption_key))
        if not secret or len(key) != _KEY_OCTETS:
            raise ValueError("no secret, or the encryption key is not 32 bytes")

    @cached_property
    def mac(self) -> hmac.HMAC:
        """A signature that was begun: each one goes on from a copy of it."""
        return hmac.new(bytes.fromhex(self.secret), digestmod=hashlib.sha256)

    @cached_property
    def cipher(self) -> AESGCM:
        """Made once an account: it costs more than a call's encryption."""
        return AESGCM(bytes.fromhex(self.encryption_key))


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A bank's reply; a callback says besides what it is about."""

    request_id: str
    pay_order_no: str | None = None
    merchant: str
    status: str
    code: str
    message: str = ""
    bank_ref: str | None = None
    amount: int | None = None
    currency: str | None = None
    operation: str = ""
    token: str | None = None


_MESSAGE: Final = msgspec.json.Decoder(Message)
_FIELDS: Final = msgspec.json.Decoder(dict[str, object])
_OURS: Final = frozenset(Message.__struct_fields__)
"""Names that are the protocol's own hide nothing."""


class Sandbox(Channel, StatementChannel):
    """The banks of the sandbox."""

    code = "sandbox"
    title = "Sandbox bank"
    capabilities = frozenset(
        {
            Operation.SEND_CODE,
            Operation.CONFIRM,
            Operation.DEDUCT,
            Operation.ENQUIRE,
            Operation.REFUND,
            Operation.SIGN,
            Operation.SIGN_CONFIRM,
            Operation.REVOKE,
        }
    )
    Config = SandboxConfig
    secret_fields = ("secret", "encryption_key")
    acceptance_window = timedelta(seconds=10)
    confirm_inherits_request_no = True
    refunds_once = True
    errors: ClassVar[Mapping[str, tuple[Outcome, Blame | None]]] = {
        "INSUFFICIENT_FUNDS": (_DECLINED, Blame.PAYER),
        "OVER_LIMIT": (_DECLINED, Blame.PAYER),
        "BLACKLISTED": (_DECLINED, Blame.PAYER),
        "CARD_LOST": (_DECLINED, Blame.CARD),
        "WRONG_PHONE": (_DECLINED, Blame.CARD),
        "MAINTENANCE": (_DECLINED, Blame.CHANNEL),
        "CODE_WRONG": (_DECLINED, Blame.CODE),
        "CODE_EXPIRED": (_DECLINED, Blame.CODE),
        "BAD_REQUEST": (_DECLINED, Blame.REQUEST),
        "ORDER_NOT_FOUND": (_DECLINED, Blame.REQUEST),
        "REFUND_EXCEEDS": (_DECLINED, Blame.REQUEST),
        "DUPLICATE_ORDER": (Outcome.UNKNOWN, None),
    }

    # --- out ------------------------------------------------------------------------

    def assemble(self, account: Account, ask: Ask) -> Outgoing:
        """Build, sign, and mask what is kept of it."""
        config = _config(account)
        fields = _fields(ask)
        sent = dict(fields)
        if ask.card is not None and ask.operation in _WITH_CARD:
            sent["card_enc"] = _encrypted(config, ask)
        body = msgspec.json.encode(sent)
        path = _path(ask.operation)
        request = HttpRequest(
            url=account.base_url + path,
            headers=_signed(config, path, body, ask.asked_at),
            body=body,
            timeout_s=ask.timeout_s,
        )
        return Outgoing(ask=ask, masked=_masked(ask, fields), http=request)

    # --- in -------------------------------------------------------------------------

    def read(self, account: Account, ask: Ask, answered: Answered) -> Reply:
        """Trust a reply that is signed, about this request, and says a word we know."""
        if answered.status != 200:
            refused = answered.status == 401
            return unknown(
                f"HTTP_{answered.status}",
                alarm="the bank refuses our signature" if refused else None,
            )
        config, path = _config(account), _path(ask.operation)
        fault = _untrusted(config, path, answered.headers, answered.body, ask.asked_at)
        if fault is not None:
            return unknown("BAD_SIGNATURE", alarm=fault)
        message = _parsed(answered.body)
        if message is None:
            return unknown("GARBAGE")
        named = (message.request_id, message.pay_order_no, message.merchant)
        if named != (ask.request_no, ask.pay_order_no, config.merchant):
            return unknown("OTHER_ORDER", alarm="the reply is about another order")
        signs = ask.operation is Operation.SIGN_CONFIRM
        if signs and message.status == "SUCCESS" and not message.token:
            # The asking's yes, which the same address signs.
            return unknown("NO_TOKEN", alarm="a yes without an agreement")
        reply = self._judged(message, ask.operation, ask.enquired_operation)
        return _with_our_amount(ask, reply)

    def callback(
        self,
        account: Account,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        now: datetime,
    ) -> Callback | None:
        """Trust a callback that is signed, fresh and to our merchant number."""
        config = _config(account)
        if _untrusted(config, path, headers, body, now) is not None:
            return None
        message = _parsed(body)
        if message is None or message.merchant != config.merchant:
            return None
        if message.operation not in _CALLED_BACK:
            return None
        operation = Operation(message.operation)
        return Callback(
            request_no=message.request_id,
            pay_order_no=message.pay_order_no,
            operation=operation,
            merchant=message.merchant,
            reply=self._judged(message, operation, None),
        )

    def _judged(
        self, message: Message, operation: Operation, enquired: Operation | None
    ) -> Reply:
        """Give their status and code as our outcome."""
        outcome, blame, not_found = Outcome.UNKNOWN, None, False
        match message.status:
            case "SUCCESS":
                outcome = Outcome.SUCCEEDED
            case "PROCESSING":
                outcome = Outcome.PENDING
            case "FAIL" if (
                operation is Operation.ENQUIRE and message.code in _OF_ASKING
            ):
                pass
            case "FAIL":
                outcome, blame = self.errors.get(message.code, (Outcome.UNKNOWN, None))
            case "NOT_FOUND":
                not_found = operation is Operation.ENQUIRE
            case "OPEN":
                # The code is out, and no confirm was taken: there is no money leg.
                not_found = operation is Operation.ENQUIRE
                if enquired is Operation.SIGN:
                    # Of a signing that is how it stands: the payer may still type it.
                    outcome, not_found = Outcome.PENDING, False
        return Reply(
            outcome=outcome,
            blame=blame,
            resp_code=message.code,
            resp_msg=message.message,
            channel_ref=message.bank_ref,
            agreement=message.token if operation in _SIGNS else None,
            amount=message.amount,
            currency=message.currency,
            not_found=not_found,
            verify_status=_verified(outcome, message.code, enquired or operation),
        )

    # --- statements -----------------------------------------------------------------

    def ask_statement(
        self, account: Account, day: date, *, at: datetime, timeout_s: float
    ) -> HttpRequest:
        """A GET has no body: what is signed in its place is the query."""
        query = f"date={day.isoformat()}"
        return HttpRequest(
            method="GET",
            url=f"{account.base_url}{_STATEMENT}?{query}",
            headers=_signed(_config(account), _STATEMENT, query.encode(), at),
            body=b"",
            timeout_s=timeout_s,
        )

    async def read_statement(
        self, account: Account, day: date, octets: AsyncIterator[bytes]
    ) -> AsyncIterator[StatementLine]:
        """Read line by line; the trailer at the end says whether it was all of it."""
        config = _config(account)
        file = SignedCsv(config.mac, merchant=config.merchant, path=_STATEMENT, day=day)
        async for block in whole_lines(octets):
            for line in file.lines(block):
                yield line
        file.end()

    # --- kept -----------------------------------------------------------------------

    def scrub(self, text: str) -> str:
        """Mask by the protocol's names, and look into what has no name there."""
        try:
            fields = _FIELDS.decode(text)
        except (msgspec.MsgspecError, RecursionError):
            return _SEALED.sub(mask_code(""), mask_text(text))
        shown = {
            name if name in _OURS else masked(name): _shown(name, value)
            for name, value in fields.items()
        }
        return msgspec.json.encode(shown).decode()


_MONEY: Final = frozenset({Operation.CONFIRM, Operation.DEDUCT, Operation.REFUND})
_CALLED_BACK: Final = frozenset(op.value for op in (*_MONEY, Operation.REVOKE))
_WITH_CARD: Final = frozenset({Operation.SEND_CODE, Operation.DEDUCT, Operation.SIGN})
_SIGNS: Final = frozenset({Operation.SIGN_CONFIRM, Operation.ENQUIRE})
_JUDGES_CODE: Final = frozenset({Operation.CONFIRM, Operation.SIGN_CONFIRM})
_OF_AGREEMENTS: Final = frozenset(
    {Operation.SIGN, Operation.SIGN_CONFIRM, Operation.REVOKE}
)


def _config(account: Account) -> SandboxConfig:
    return cast("SandboxConfig", account.config)


def _fields(ask: Ask) -> dict[str, Field]:
    """The fields of a request, but for the card's."""
    fields: dict[str, Field] = {
        "request_id": ask.request_no,
        "pay_order_no": ask.pay_order_no,
    }
    if ask.operation is Operation.ENQUIRE:
        return fields
    if ask.operation in _OF_AGREEMENTS:
        return fields | _of_agreement(ask)
    fields |= {"amount": ask.amount, "currency": ask.currency}
    match ask.operation:
        case Operation.SEND_CODE:
            fields |= {"token": ask.agreement, "subject": ask.subject}
        case Operation.CONFIRM:
            fields |= {"token": ask.agreement, "code": ask.code}
        case Operation.DEDUCT:
            fields["token"] = ask.agreement
        case Operation.REFUND:
            fields["original_request_id"] = ask.original_request_no
    if ask.notify_url is not None:
        fields["notify_url"] = ask.notify_url
    return fields


def _of_agreement(ask: Ask) -> dict[str, Field]:
    """What signing and revoking take: no money is named."""
    match ask.operation:
        case Operation.SIGN:
            fields: dict[str, Field] = {"step": "apply", "notify_url": ask.notify_url}
        case Operation.SIGN_CONFIRM:
            fields = {"step": "confirm", "code": ask.code}
        case _:
            fields = {"token": ask.agreement}
    return {name: value for name, value in fields.items() if value is not None}


def _path(operation: Operation) -> str:
    """Both steps of a signing go to one address."""
    sign = operation is Operation.SIGN_CONFIRM
    return f"/v1/{Operation.SIGN if sign else operation}"


def _masked(ask: Ask, fields: Mapping[str, Field]) -> str:
    """The request as it may be kept: the card in its masked form, no code, no token."""
    shown = dict(fields)
    for name in ("token", "code"):
        if name in shown:
            shown[name] = mask_code("")
    if ask.operation is Operation.SEND_CODE:
        shown["subject"] = masked(ask.subject)
    if ask.card is not None and ask.operation in _WITH_CARD:
        shown["number"] = mask_card(ask.card.number)
        shown["phone"] = mask_phone(ask.card.phone)
    return msgspec.json.encode(shown).decode()


def _encrypted(config: SandboxConfig, ask: Ask) -> str:
    """The card's facts, readable for the bank and good for this request only."""
    nonce = os.urandom(_NONCE_OCTETS)
    facts = msgspec.json.encode(ask.card)
    sealed = config.cipher.encrypt(nonce, facts, ask.request_no.encode())
    return base64.b64encode(nonce + sealed).decode()


def _signed(
    config: SandboxConfig, path: str, body: bytes, at: datetime
) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    return {
        "Content-Type": "application/json",
        "X-Merchant": config.merchant,
        "X-Timestamp": stamp,
        "X-Signature": _signature(config, stamp, path, body),
    }


def _signature(config: SandboxConfig, stamp: str, path: str, body: bytes) -> str:
    mac = config.mac.copy()
    mac.update(b"%b\n%b\n%b" % (stamp.encode(), path.encode(), body))
    return mac.hexdigest()


def _untrusted(
    config: SandboxConfig,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> str | None:
    """Why a message is not to be trusted, None where it is."""
    stamp, given = headers.get("x-timestamp", ""), headers.get("x-signature", "")
    if not given:
        return "the signature is missing"
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        return "the timestamp is none"
    expected = _signature(config, stamp, path, body).encode()
    if not same(expected, given.encode("utf-8", "replace")):
        return "the signature is wrong"
    if abs(int(stamp) - now.timestamp()) > FRESH_S:
        return "the timestamp is too far off"
    return None


def _parsed(body: bytes) -> Message | None:
    try:
        return _MESSAGE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _with_our_amount(ask: Ask, reply: Reply) -> Reply:
    """A success over another amount is none: a person looks (design, F32)."""
    if reply.outcome is not Outcome.SUCCEEDED:
        return reply
    about = ask.enquired_operation or ask.operation
    if about not in _MONEY and reply.amount is None:
        return reply
    if (reply.amount, reply.currency) == (ask.amount, ask.currency):
        return reply
    return of_other_money(reply)


def _verified(outcome: Outcome, code: str, operation: Operation) -> VerifyStatus | None:
    """What the bank found of the code that the payer typed."""
    if operation is Operation.SIGN and outcome is Outcome.DECLINED:
        return _SAYS_OF_CODE.get(code)
    if operation not in _JUDGES_CODE:
        return None
    if outcome is Outcome.SUCCEEDED:
        return VerifyStatus.PASS
    return _SAYS_OF_CODE.get(code) if outcome is Outcome.DECLINED else None


def _shown(name: str, value: object) -> object:
    """A field's value as it may be kept; what is not flat is not looked into."""
    if not isinstance(value, str):
        return value if value is None or isinstance(value, int) else mask_code("")
    if name in _PLAIN:
        return value
    if name == "code" and value.isdigit():
        return mask_code(value)
    return _BY_NAME.get(name, masked)(value)


_STATEMENT: Final = "/v1/statement"
