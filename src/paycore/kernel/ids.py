"""Identifiers and randomness: one source a node, so that a simulator can seed it.

A payment's number begins with its time (UTC, to the millisecond) and sorts by it:
tables are partitioned by ranges of it. An attempt's id is the payment's number plus
two digits, a refund's the payment's number, an R and two digits, so a request number at
a channel names its payment. Of money that came late the refund has an M, and the digits
of the request that took it: there is no second one.
"""

import secrets
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

from uuid_utils.compat import uuid7

from paycore.kernel.terms import AttemptId, PayOrderNo, RefundNo

# No I, L, O, U: what people read to one another on the phone.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TIME_LETTERS = 15
RANDOM_LETTERS = 11
PAY_ORDER_NO_LENGTH = TIME_LETTERS + RANDOM_LETTERS
MAX_ATTEMPTS = 99
MAX_REFUNDS = 99
REFUND_LEGS = 100
"""Where one number names an attempt or a refund of a payment (messages, cases), refunds
come behind all attempts: the first is 101."""
LATE_LEGS = 200
"""And refunds of late money behind those: that of attempt 1's request is 201."""

SIGNING_LEGS = 300
"""And signings, which have numbers of a payment's form, behind those: 301."""

RESTORE_LEGS = 400
"""And numbers that are asked after only because a restore may have lost what they were
of, behind all those: 401 for attempt 1's, 501 for refund 1's."""

_REFUND, _LATE, _SIGNING = "R", "M", "S"
_LEGS = MappingProxyType(
    {"": 0, _REFUND: REFUND_LEGS, _LATE: LATE_LEGS, _SIGNING: SIGNING_LEGS}
)

EVER, FOR_EVER = datetime(2000, 1, 2, tzinfo=UTC), datetime(2099, 12, 30, tzinfo=UTC)
"""The two digits of a number's year sort within one century."""


class Ids(Protocol):
    """Where a node takes what nobody may guess or meet twice."""

    def below(self, limit: int) -> int:
        """A number in 0 … limit - 1, unpredictable."""

    def token(self, octets: int) -> bytes:
        """So many unpredictable bytes."""

    def uuid(self) -> UUID:
        """A UUID version 7: ordered by its time of making."""


class SystemIds:
    """The operating system's randomness."""

    def below(self, limit: int) -> int:
        """`secrets.randbelow`."""
        return secrets.randbelow(limit)

    def token(self, octets: int) -> bytes:
        """`secrets.token_bytes`."""
        return secrets.token_bytes(octets)

    def uuid(self) -> UUID:
        """A UUID version 7."""
        return uuid7()


def letters(ids: Ids, count: int) -> str:
    """So many random letters and digits of `ALPHABET`."""
    return "".join(ALPHABET[octet & 31] for octet in ids.token(count))


def pay_order_no(ids: Ids, now: datetime) -> PayOrderNo:
    """A new payment's number: yyMMddHHmmss, milliseconds, eleven random letters."""
    moment = f"{now:%y%m%d%H%M%S}{now.microsecond // 1000:03d}"
    return PayOrderNo(moment + letters(ids, RANDOM_LETTERS))


def numbered_at(moment: datetime, margin: timedelta) -> str:
    """How numbers begin that are made so long after a moment, which may be of any zone;
    outside of the century all numbers are after it, or all before.
    """
    known = min(max(moment, EVER), FOR_EVER).astimezone(UTC)
    return f"{known + margin:%y%m%d%H%M%S}"


def attempt_id(no: PayOrderNo, seq: int) -> AttemptId:
    """The id of a payment's attempt number `seq` (1 … 99)."""
    assert 1 <= seq <= MAX_ATTEMPTS, seq
    return AttemptId(f"{no}{seq:02d}")


def refund_no(no: PayOrderNo, seq: int) -> RefundNo:
    """The number of a payment's refund number `seq` (1 … 99)."""
    assert 1 <= seq <= MAX_REFUNDS, seq
    return RefundNo(f"{no}{_REFUND}{seq:02d}")


def late_refund_no(request_no: AttemptId) -> RefundNo:
    """The number under which a request's late money goes back: one, for ever."""
    return RefundNo(f"{request_no[:-2]}{_LATE}{request_no[-2:]}")


def leg_of_refund(number: RefundNo) -> int:
    """Where one number names attempts and refunds of a payment: a refund's."""
    return _LEGS[number[-3]] + int(number[-2:])


def refund_at(no: PayOrderNo, leg: int) -> RefundNo:
    """The number of the refund that is there: `leg_of_refund` backwards."""
    return RefundNo(f"{no}{_LATE if leg > LATE_LEGS else _REFUND}{leg % 100:02d}")


def signing_request(no: PayOrderNo, seq: int) -> AttemptId:
    """The number at a channel of a signing's call: 1 the signing, then revocations."""
    assert 1 <= seq <= MAX_ATTEMPTS, seq
    return AttemptId(f"{no}{_SIGNING}{seq:02d}")


def payment_of(request_no: str) -> tuple[PayOrderNo, int] | None:
    """The payment and number that a stranger's request number may name; refunds are
    behind all attempts (`REFUND_LEGS`), and signings behind those.
    """
    no, rest = request_no[:PAY_ORDER_NO_LENGTH], request_no[PAY_ORDER_NO_LENGTH:]
    letter, seq = rest[:-2], rest[-2:]
    if not (request_no.isascii() and request_no.isalnum()) or letter not in _LEGS:
        return None
    if len(seq) != 2 or not seq.isdigit() or seq == "00":
        return None
    return PayOrderNo(no), _LEGS[letter] + int(seq)
