"""Calls at UnionPay as the tests make them, and what its peer says to them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from urllib.parse import parse_qsl

from msgspec.structs import replace
from unionpay_peer import MER_ID, SIGNER, Peer

from paycore.gateway.call import Ask, Callback, CardFacts, Operation, Reply
from paycore.gateway.channel import Account
from paycore.gateway.channels.unionpay import UnionPay
from paycore.gateway.unionpay_config import UnionPayConfig
from paycore.kernel.http import Answered
from paycore.kernel.outcome import Outcome
from paycore.kernel.terms import AttemptId, CardId, PayOrderNo

ORDER = PayOrderNo("260304173000123ABCDEFGHJKM")
OPENED = datetime(2026, 3, 4, 9, 18, 32, 500_000, tzinfo=UTC)
TXN_TIME = "20260304171832"
QUERY_ID = "451803041718325987028"
TOKEN = "6235240000020757577"
CARD = CardFacts(
    number="6226388000000095",
    name="欧阳锋",
    id_no="11010519491231002X",
    phone="+8613812345678",
)
DRIVER = UnionPay()
MONEY = (Operation.CONFIRM, Operation.DEDUCT, Operation.REFUND)
AT_ONCE = (
    *(Operation.SIGN, Operation.SIGN_CONFIRM, Operation.REVOKE, Operation.SEND_CODE),
)
KINDS = MappingProxyType(
    {
        Operation.SIGN: ("77", "00", "000902"),
        Operation.SIGN_CONFIRM: ("79", "00", "000902"),
        Operation.REVOKE: ("74", "01", "000902"),
        Operation.SEND_CODE: ("77", "02", "000902"),
        Operation.CONFIRM: ("01", "01", "000902"),
        Operation.DEDUCT: ("11", "03", "000501"),
        Operation.REFUND: ("04", "00", "000902"),
        Operation.ENQUIRE: ("00", "00", "000000"),
    }
)


def settings(peer: Peer, **changes: object) -> dict[str, object]:
    return {
        "mer_id": MER_ID,
        "signing_key": peer.merchant.key_pem,
        "signing_certificate": peer.merchant.pem,
        "issuers": peer.middle.pem + peer.root.pem,
        "signer": SIGNER,
        "encryption_certificate": peer.sealing.pem,
        "tr_id": "62000000001",
        **changes,
    }


def account_of(
    peer: Peer, facts: Mapping[str, str] | None = None, **changes: object
) -> Account:
    return Account(
        channel="unionpay",
        account="main",
        base_url="https://gateway.example",
        config=UnionPayConfig(**settings(peer, **changes)),
        facts=facts or {},
    )


def an_ask(operation: Operation, **changes: object) -> Ask:
    refund = operation is Operation.REFUND
    ask = Ask(
        operation=operation,
        pay_order_no=ORDER,
        attempt_seq=1,
        request_no=AttemptId(f"{ORDER}R01" if refund else f"{ORDER}01"),
        inst_trans_id="unionpay.main",
        channel="unionpay",
        account="main",
        amount=0 if operation in AT_ONCE[:3] else 1000,
        currency="" if operation in AT_ONCE[:3] else "CNY",
        asked_at=OPENED + timedelta(seconds=40),
        timeout_s=30.0,
        card_id=CardId("c1"),
        card=CARD if operation not in (Operation.CONFIRM, Operation.REFUND) else None,
        agreement=None if operation in AT_ONCE[:2] else TOKEN,
        code="123789",
        notify_url="https://pay.example/callbacks/unionpay/main",
        opened_at=OPENED,
        original_channel_ref=QUERY_ID if refund else None,
        subject="card 6225881234567898",
    )
    return replace(ask, **changes)


def enquiry(about: Operation, **changes: object) -> Ask:
    ask = replace(an_ask(about), operation=Operation.ENQUIRE, enquired_operation=about)
    return replace(ask, card=None, code=None, **changes)


def asked(account: Account, ask: Ask) -> dict[str, str]:
    """The fields of a request as they arrive."""
    http = DRIVER.assemble(account, ask).http
    assert http is not None
    return dict(parse_qsl(http.body.decode(), strict_parsing=True))


def answer(operation: Operation, code: str, **changes: str) -> dict[str, str]:
    """The fields of a reply, before it is signed."""
    kind, sub, biz = KINDS[operation]
    suffix = "R01" if operation is Operation.REFUND else "01"
    fields = {
        "version": "5.1.0",
        "encoding": "UTF-8",
        "signMethod": "01",
        "txnType": kind,
        "txnSubType": sub,
        "bizType": biz,
        "accessType": "0",
        "merId": MER_ID,
        "orderId": f"{ORDER}{suffix}",
        "txnTime": TXN_TIME,
        "respCode": code,
        "respMsg": "成功[0000000]",
        "reserved": "",
    }
    if operation in MONEY or operation is Operation.SEND_CODE:
        fields |= {"txnAmt": "1000", "currencyCode": "156"}
    if operation in MONEY:
        fields["queryId"] = QUERY_ID
    if operation is Operation.SIGN_CONFIRM and code in ("00", "A6"):
        fields["tokenPayData"] = f"{{token={TOKEN}&trId=62000000001&tokenType=01}}"
        fields["activateStatus"] = "1"
    return fields | changes


def found(about: Operation, code: str, **changes: str) -> dict[str, str]:
    """The fields of a reply to an enquiry that found something."""
    told = answer(about, "00", origRespCode=code, origRespMsg="原[1]", bizType="000000")
    settled = {"settleAmt": "1000", "settleCurrencyCode": "156", "settleDate": "0304"}
    return told | settled | changes


def read(account: Account, ask: Ask, body: bytes, status: int = 200) -> Reply:
    return DRIVER.read(account, ask, Answered(status=status, headers={}, body=body))


def assert_unknown(reply: Reply, code: str, *, alarm: bool) -> None:
    assert (Outcome.UNKNOWN, None, False) == (
        reply.outcome,
        reply.blame,
        reply.not_found,
    )
    assert code == reply.resp_code
    assert alarm == bool(reply.alarm)


def notify(account: Account, body: bytes) -> Callback | None:
    return DRIVER.callback(account, "/callbacks/unionpay/main", {}, body, now=OPENED)
