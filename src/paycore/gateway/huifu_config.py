"""Who we are at Huifu, and what its public papers leave to the contract.

What is marked [I] in docs/channels/huifu.md has a field here: it is inferred, and who
knows better says so without touching code.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

from paycore.gateway import huifu_wire as wire
from paycore.kernel.outcome import Blame

MOST_EXPIRES_MIN: Final = 30
"""How long an order of ours may stay payable: the acceptance window relies on it."""

NOT_TO_BLAME: Final = frozenset(
    {
        "00000000",
        "00000100",
        "10000001",
        "20000000",
        "20000001",
        "20000004",
        "23000001",
        "30000000",
        "911",
        "914",
        "98888888",
        "99999999",
    }
)
"""Codes that are no refusal, whatever an account's `blames` says."""

COLUMNS: Final = MappingProxyType(
    {
        "request_no": "req_seq_id",
        "channel_ref": "hf_seq_id",
        "trade": "trans_type",
        "amount": "trans_amt",
        "fee": "fee_amt",
        "status": "trans_stat",
        "at": "trans_finish_time",
    }
)
"""What a line must say, and under which heading."""

_REQUIRED: Final = frozenset({"request_no", "amount"})
_NUMBER: Final = re.compile(r"[0-9A-Za-z]{1,32}")
_DAY: Final = re.compile(r"\d{8}")


class HuifuConfig(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Credentials and terms of one merchant."""

    sys_id: str
    product_id: str
    huifu_id: str
    """The merchant that is charged for; often the same as `sys_id`."""
    private_key: str
    """Ours, PEM (PKCS#8), or its bare base64 as Huifu's console shows keys."""
    huifu_public_key: str
    """Theirs, likewise."""

    confirm_numbering: Literal["as_send", "fresh"] = "as_send"
    """[I] Whether a confirm has the number of its send, or one of its own."""
    expires_min: int = MOST_EXPIRES_MIN
    """Minutes that an order may be paid in (`time_expire`)."""

    goods_short_name: str = ""
    """For NUCC; empty: the payment's subject."""
    gw_chnnl_tp: str = "01"
    """[I] NUCC's kind of terminal."""
    biz_tp: str = "100001"
    """[I] NUCC's kind of business, as the contract has it."""
    device_type: str = "1"
    device_ip: str = "127.0.0.1"
    """What is told where the payer's address is not known."""
    withhold_type: str = "2"
    """[I] Which kind of withholding the contract has."""

    cert_validity_type: str = "1"
    """[I] Long-term: nobody asks payers until when an identity card is good."""
    cert_begin_date: str = "20000101"
    cert_end_date: str = "20991231"

    blames: Mapping[str, Blame] = msgspec.field(default_factory=dict)
    """[I] Their resp_code or bank_code → whom a refusal blames; else the request."""
    expired_codes: tuple[str, ...] = ()
    """[I] Of those that blame the code: which say that it is too old."""
    deduct_trans_types: tuple[str, ...] = ("WITHHOLD", "WITHHOLD_PAY", "WITHHOLDPAY")
    """[I] What a notify of a deduct calls itself (trans_type)."""

    bill_type: str = "TRADE_BILL"
    bill_from_hour: int = 12
    """Beijing's hour from which a day's file is asked for: three asks a day are all."""
    bill_encoding: str = "utf-8-sig"
    bill_columns: Mapping[str, str] = msgspec.field(default_factory=dict)
    """[I] Our words (see `COLUMNS`) → their headings, where they differ; empty: the
    file does not say it."""
    bill_charges: tuple[str, ...] = (
        *("QUICK_PAY", "WITHHOLD", "WITHHOLD_PAY", "WITHHOLDPAY"),
    )
    bill_refunds: tuple[str, ...] = ("REFUND", "TRANS_REFUND")
    bill_moved: tuple[str, ...] = ("S",)
    """[I] The words in those columns."""

    def __post_init__(self) -> None:
        """Refuse what cannot be used, when it is saved and not at a call."""
        for name in ("sys_id", "product_id", "huifu_id"):
            if _NUMBER.fullmatch(getattr(self, name)) is None:
                raise ValueError(f"{name} is not 1-32 letters and digits")
        for name in ("cert_begin_date", "cert_end_date"):
            if getattr(self, name) and _DAY.fullmatch(getattr(self, name)) is None:
                raise ValueError(f"{name} is not YYYYMMDD")
        if not 10 <= self.expires_min <= MOST_EXPIRES_MIN:
            raise ValueError(f"expires_min is 10-{MOST_EXPIRES_MIN}")
        if NOT_TO_BLAME & self.blames.keys():
            raise ValueError("blames names a code that is no refusal")
        self._check_bill()
        _ = self.our_key, self.their_key

    def _check_bill(self) -> None:
        if not 0 <= self.bill_from_hour <= 23:
            raise ValueError("bill_from_hour is 0-23")
        if self.bill_columns.keys() - COLUMNS.keys():
            raise ValueError(f"bill_columns may name: {', '.join(COLUMNS)}")
        if not all(self.columns[name] for name in _REQUIRED):
            raise ValueError("a line must say its request_no and amount")
        try:
            "".encode(self.bill_encoding)
        except LookupError:
            raise ValueError("bill_encoding is none that is known") from None

    def __repr__(self) -> str:
        """Whose they are, and no key."""
        return f"HuifuConfig(sys_id={self.sys_id!r}, huifu_id={self.huifu_id!r})"

    @cached_property
    def our_key(self) -> rsa.RSAPrivateKey:
        """Read once: it takes longer than a call's signature."""
        return wire.our_key(self.private_key)

    @cached_property
    def their_key(self) -> rsa.RSAPublicKey:
        """What their signatures are checked with, and fields are sealed for."""
        return wire.their_key(self.huifu_public_key)

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """Our words → the headings of this account's files."""
        return {**COLUMNS, **self.bill_columns}
