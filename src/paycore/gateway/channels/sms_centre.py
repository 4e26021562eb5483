"""The SMS centre (短信中心) as a channel: our own, in this process (`paycore.sms`).

What differs from the others: there is no provider. To send a code is to try carriers
in order, so one call may be several messages; each is kept by itself, under the
carrier's name. To verify one is to compare with our own rows, after the try was
counted. Neither can be enquired after, and nothing calls back.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import msgspec

from paycore.gateway.call import Ask, Operation, Reply
from paycore.gateway.channel import Account, Channel, Outgoing
from paycore.gateway.masking import storable, without
from paycore.gateway.rows import MessageRow
from paycore.kernel.http import Answered
from paycore.kernel.journal import Change
from paycore.kernel.mask import mask_code, mask_phone, mask_text
from paycore.kernel.node import Node
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import SMS_CENTRE, VerifyStatus
from paycore.sms import service
from paycore.sms.delivery import Sent, Tried
from paycore.sms.service import PreparedSend, PreparedVerify, Verified


@dataclass(slots=True)
class _Sending:
    """A send from `prepare` to `conclude`; without `sent` it came to no end."""

    prepared: PreparedSend
    sent: Sent | None = None


@dataclass(slots=True)
class _Verifying:
    """A verification from `prepare` to `conclude`; without `verified` none was made."""

    prepared: PreparedVerify
    verified: Verified | None = None


class SmsCentre(Channel):
    """Our own SMS centre."""

    code: ClassVar[str] = SMS_CENTRE
    title: ClassVar[str] = "SMS centre"
    capabilities: ClassVar[frozenset[Operation]] = frozenset(
        {Operation.SEND_CODE, Operation.VERIFY_CODE}
    )
    acceptance_window: ClassVar[timedelta] = timedelta(0)
    confirm_inherits_request_no: ClassVar[bool] = False

    class Config(msgspec.Struct, frozen=True, kw_only=True):
        """What the centre is to be called; carriers' credentials are with carriers."""

        sign: str = "paycore"
        """The sender's name (短信签名) before every text."""

    async def prepare(
        self, node: Node, account: Account, ask: Ask, change: Change
    ) -> Outgoing:
        """Stage the code, or the count of the try, and what each carrier would get."""
        masked = self.assemble(account, ask).masked
        match ask.operation:
            case Operation.SEND_CODE:
                asked = self._send_request(account, ask)
                sending = _Sending(await service.prepare_send(node, asked, change))
                _stage_texts(node, ask, sending.prepared, change)
                return Outgoing(ask=ask, masked=masked, extra=sending)
            case Operation.VERIFY_CODE:
                typed = self._verify_request(ask)
                counted = await service.prepare_verify(node, typed, change)
                return Outgoing(ask=ask, masked=masked, extra=_Verifying(counted))
            case _:
                raise AssertionError(f"the SMS centre cannot {ask.operation}")

    def assemble(self, account: Account, ask: Ask) -> Outgoing:
        """What is kept of the call itself; it is a call in this process."""
        kept: dict[str, object] = {
            "operation": ask.operation,
            "request_no": ask.request_no,
            "amount": ask.amount,
            "currency": ask.currency,
        }
        if ask.card is not None:
            kept["phone"] = mask_phone(ask.card.phone)
        if ask.code is not None:
            kept["code"] = mask_code(ask.code)
        return Outgoing(ask=ask, masked=msgspec.json.encode(kept).decode())

    async def perform(self, node: Node, account: Account, outgoing: Outgoing) -> Reply:
        """Try the carriers; or compare."""
        match outgoing.extra:
            case _Sending() as sending:
                sending.sent = await service.send(
                    node, sending.prepared, within_s=outgoing.ask.timeout_s
                )
                return _reply_to_send(sending.prepared, sending.sent)
            case _Verifying() as verifying:
                verifying.verified = service.verify(node, verifying.prepared)
                return _reply_to_verify(verifying.verified)
            case _:
                raise AssertionError("not prepared by the SMS centre")

    def read(self, account: Account, ask: Ask, answered: Answered) -> Reply:
        """No answer comes over the network: what claims to be one is not trusted."""
        return Reply(outcome=Outcome.UNKNOWN, resp_code="UNEXPECTED")

    def conclude(
        self,
        node: Node,
        account: Account,
        outgoing: Outgoing,
        reply: Reply,
        change: Change,
    ) -> None:
        """Stage what became of the code, and what each carrier answered."""
        match outgoing.extra:
            case _Sending(prepared=prepared, sent=sent):
                # Refused before it began, or broken off: then the reply tells.
                sent = sent or Sent(outcome=reply.outcome, resp_code=reply.resp_code)
                for tried in sent.tried:
                    change.append(_answer_row(node, outgoing.ask, tried))
                service.conclude_send(node, prepared, sent, change)
            case _Verifying(prepared=counted, verified=Verified() as verified):
                service.conclude_verify(node, counted, verified, change)
            case _:
                return

    def scrub(self, text: str) -> str:
        """Whatever looks like a card, a person's number or a code."""
        return mask_text(text)

    def _send_request(self, account: Account, ask: Ask) -> service.SendRequest:
        assert ask.card is not None, "a code is sent to the phone of a card"
        assert isinstance(account.config, self.Config)
        return service.SendRequest(
            pay_order_no=ask.pay_order_no,
            seq=ask.attempt_seq,
            request_no=ask.request_no,
            amount=ask.amount,
            currency=ask.currency,
            card_id=ask.card_id,
            phone=ask.card.phone,
            payee=ask.payee,
            subject=ask.subject,
            card_tail=ask.card_tail,
            language=ask.language,
            sign=account.config.sign,
            biz_line=ask.biz_line,
            origin=ask.origin,
            texted=ask.texted,
        )

    def _verify_request(self, ask: Ask) -> service.VerifyRequest:
        assert ask.code is not None, "nothing to verify"
        return service.VerifyRequest(
            pay_order_no=ask.pay_order_no,
            amount=ask.amount,
            currency=ask.currency,
            card_id=ask.card_id,
            number_hash=ask.number_hash,
            code=ask.code,
        )


def _reply_to_send(prepared: PreparedSend, sent: Sent) -> Reply:
    declined = sent.outcome is Outcome.DECLINED
    out = sent.outcome is Outcome.SUCCEEDED
    return Reply(
        outcome=sent.outcome,
        blame=Blame.CHANNEL if declined else None,
        resp_code=sent.resp_code,
        resp_msg=sent.resp_msg,
        code_expires_at=prepared.row.expires_at if out else None,
        alarm=sent.alarm,
        kept=_kept(
            {
                each.message.line.carrier: f"{each.delivery.outcome}"
                for each in sent.tried
            }
        ),
    )


def _reply_to_verify(verified: Verified) -> Reply:
    """The status is all that the payer is told; the reason is kept for us."""
    passed = verified.status is VerifyStatus.PASS
    return Reply(
        outcome=Outcome.SUCCEEDED if passed else Outcome.DECLINED,
        blame=None if passed else Blame.CODE,
        resp_code="OK" if passed else f"CODE_{verified.status}",
        verify_status=verified.status,
        tries_left=verified.tries_left,
        kept=_kept({"status": verified.status, "reason": verified.reason}),
    )


def _kept(facts: dict[str, str]) -> str:
    return msgspec.json.encode(facts).decode()


def _stage_texts(node: Node, ask: Ask, prepared: PreparedSend, change: Change) -> None:
    """One row for each carrier that may be tried, before the first byte (I19)."""
    for message in prepared.messages:
        change.append(
            MessageRow(
                pay_order_no=ask.pay_order_no,
                message_id=node.ids.uuid(),
                attempt_seq=ask.attempt_seq,
                direction="OUT",
                operation=ask.operation,
                channel=ask.channel,
                account=message.line.carrier,
                at=prepared.row.created_at,
                verdict="",
                body=_stored(ask, message.masked),
            )
        )


def _answer_row(node: Node, ask: Ask, tried: Tried) -> MessageRow:
    delivery = tried.delivery
    why = delivery.alarm or delivery.resp_code
    return MessageRow(
        pay_order_no=ask.pay_order_no,
        message_id=node.ids.uuid(),
        attempt_seq=ask.attempt_seq,
        direction="IN",
        operation=ask.operation,
        channel=ask.channel,
        account=tried.message.line.carrier,
        at=tried.at,
        verdict=_stored(ask, f"{delivery.outcome} {why}".strip()),
        body=_stored(ask, tried.answer),
        elapsed_ms=tried.elapsed_ms,
    )


def _stored(ask: Ask, text: str) -> str:
    """The last net under what a carrier wrote, as under what a bank writes."""
    return storable(without(text, ask.secrets))
