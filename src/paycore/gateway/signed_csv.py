"""A statement as signed CSV: a heading, lines, and a trailer that counts and signs.

It is told by whom it must be and of which day; what is not the whole file raises.
"""

import hmac
from collections.abc import Iterator
from datetime import date, datetime
from types import MappingProxyType
from typing import Final

from paycore.gateway.statement import StatementBroken, StatementLine, Trade
from paycore.kernel.crypto import same

_HEADING: Final = 2
_TRADES: Final = MappingProxyType({"charge": Trade.CHARGE, "refund": Trade.REFUND})


class SignedCsv:
    """One file, as it is read: a heading, lines, a trailer that signs."""

    def __init__(self, mac: hmac.HMAC, *, merchant: str, path: str, day: date) -> None:
        self._mac, self._merchant, self._path, self._day = mac, merchant, path, day
        self._digest: hmac.HMAC | None = None
        self._no, self._sum, self._unread = -_HEADING, 0, 0
        self._foot: str | None = None

    def lines(self, block: bytes) -> Iterator[StatementLine]:
        """The lines of one block, which ends where a line does."""
        if self._foot is not None:
            raise StatementBroken("something follows the trailer")
        at = 0 if block.startswith(b"T,") else block.find(b"\nT,") + 1 or len(block)
        body, foot = block[:at], block[at:]
        try:
            texts = body.decode().splitlines()
            self._foot = foot.decode() or None
        except UnicodeDecodeError as error:
            raise StatementBroken("it is not UTF-8") from error
        if self._digest is None:
            self._digest = self._begun(texts[0] if texts else "")
        self._digest.update(body)
        for text in texts:
            self._no += 1
            if self._no > 0:
                yield self._line(text)

    def _begun(self, top: str) -> hmac.HMAC:
        told = top.split(",")
        if len(told) != 6 or told[:2] != ["H", "1"]:
            raise StatementBroken("it does not begin as a statement does")
        if told[3:5] != [self._merchant, self._day.isoformat()]:
            raise StatementBroken("it is of another merchant or day")
        mac = self._mac.copy()
        mac.update(f"{told[5]}\n{self._path}\n".encode())
        return mac

    def _line(self, text: str) -> StatementLine:
        try:
            fields = text.split(",")
            kind, request, order, amount, currency, fee, ref, status, at, _ = fields
            money, kept, when = int(amount), int(fee), datetime.fromisoformat(at)
            trade, moved = _TRADES[kind], status == "SUCCESS"
        except (ValueError, KeyError):
            self._unread += 1
            return StatementLine.unreadable(self._no, text)
        self._sum += money
        return StatementLine(
            *(self._no, trade, request, order, money, currency),
            *(kept, moved, ref, when, ""),
        )

    def end(self) -> None:
        """Say whether that was all of it."""
        if self._foot is None or self._digest is None:
            raise StatementBroken("it is cut off: there is no trailer")
        told = self._foot.removesuffix("\n").split(",")
        if len(told) != 4 or "\n" in told[-1]:
            raise StatementBroken("something follows the trailer")
        counted, summed = ["T", str(self._no)], str(self._sum)
        if told[:2] != counted or (told[2] != summed and not self._unread):
            raise StatementBroken("its trailer counts other lines than it has")
        if not same(self._digest.hexdigest().encode(), told[-1].encode()):
            raise StatementBroken("its signature is wrong")
