"""What a bank writes of one merchant's day: one line for all money that moved. Pure.

A header, the columns' names, the lines, a trailer. The trailer counts and sums the
lines and signs all that stands before it, so that a file that was cut, or changed, is
known by itself, however it came. The format in words is in `docs/sandbox.md`.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from paycore.sandbox.protocol import Merchant, rfc3339

PATH: Final = "/v1/statement"

FORMAT: Final = 1
COLUMNS: Final = (
    "kind,request_id,pay_order_no,amount,currency,fee,bank_ref,status,at,summary\n"
)

FEE_PER: Final = 10_000
FEE: Final[Mapping[str, int]] = MappingProxyType({"charge": 38, "refund": 0})
"""What the bank keeps of each 10,000: 0.38 % of a charge, nothing of a refund."""

# In Chinese, so that whoever takes another encoding for UTF-8 notices.
SUMMARY: Final[Mapping[str, str]] = MappingProxyType(
    {"charge": "消费", "refund": "退款"}
)

_DAY: Final = timedelta(days=1)

ZONES: Final[Mapping[str, tzinfo]] = MappingProxyType(
    dict.fromkeys(("unionpay", "huifu"), timezone(timedelta(hours=8)))
)
"""By whose clock a bank's day begins, where it is not UTC's."""


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    """One line."""

    kind: str
    request_id: str
    pay_order_no: str
    amount: int
    currency: str
    fee: int
    bank_ref: str
    status: str
    at_ms: int

    def text(self) -> str:
        """As it stands in the file; no value holds a comma."""
        return (
            f"{self.kind},{self.request_id},{self.pay_order_no},{self.amount},"
            f"{self.currency},{self.fee},{self.bank_ref},{self.status},"
            f"{rfc3339(self.at_ms)},{SUMMARY[self.kind]}\n"
        )


def fee_of(kind: str, amount: int) -> int:
    """Rounded half up to the minor unit."""
    return (amount * FEE[kind] + FEE_PER // 2) // FEE_PER


def bounds_ms(bank: str, day: date) -> tuple[int, int]:
    """The first millisecond of a bank's day, and of the next one."""
    begins = datetime(day.year, day.month, day.day, tzinfo=ZONES.get(bank, UTC))
    return int(begins.timestamp()) * 1000, int((begins + _DAY).timestamp()) * 1000


def day_of(bank: str, at_ms: int) -> date:
    """A bank's day of a moment."""
    return datetime.fromtimestamp(at_ms // 1000, ZONES.get(bank, UTC)).date()


class Pen:
    """Writes one statement, piece by piece, and signs it at the end."""

    def __init__(
        self, merchant: Merchant, *, bank: str, day: date, at_ms: int, encoding: str
    ) -> None:
        stamp = str(at_ms // 1000)
        signed = f"{stamp}\n{PATH}\n".encode()
        self._digest = hmac.new(merchant.secret, signed, hashlib.sha256)
        self._encoding = encoding
        self._top = f"H,{FORMAT},{bank},{merchant.id},{day.isoformat()},{stamp}\n"
        self._count = self._sum = 0

    def head(self) -> bytes:
        """Whose day it is, when it was written, and the columns' names."""
        return self._written(self._top + COLUMNS)

    def lines(self, entries: Iterable[Entry]) -> bytes:
        """So many more lines."""
        texts = []
        for entry in entries:
            self._count += 1
            self._sum += entry.amount
            texts.append(entry.text())
        return self._written("".join(texts))

    def foot(self) -> bytes:
        """The trailer: how many lines, the sum of their amounts, the signature."""
        signature = self._digest.hexdigest()
        return f"T,{self._count},{self._sum},{signature}\n".encode(self._encoding)

    def _written(self, text: str) -> bytes:
        octets = text.encode(self._encoding)
        self._digest.update(octets)
        return octets
