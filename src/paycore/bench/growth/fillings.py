"""What goes into the holes of a recorded payment's rows, for another payment. Pure."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, auto
from random import Random
from typing import Self

from paycore.kernel.ids import ALPHABET, RANDOM_LETTERS

SECOND_LETTERS = 12
"""A number begins with yyMMddHHmmss."""

MICRO = 1_000_000
POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""From which the server counts its microseconds, and we our seconds."""

TIME_OCTETS, KEPT_OCTETS, UUID_OCTETS = 6, 9, 16
"""A UUID of version 7: milliseconds; version and variant, which stay; chance."""

_LETTERS = bytes(ord(ALPHABET[octet & 31]) for octet in range(256))


class Filling(IntEnum):
    """What goes into a hole. A payment's values stand in this order."""

    NUMBER = auto()
    COUPON = auto()
    """Counted, not drawn: among millions eight letters would meet."""
    HEX = auto()
    SPELLED_UUID = auto()
    """A UUID of version 7 in a text, without its dashes."""
    DIGITS = auto()
    OCTETS = auto()
    UUID = auto()
    TIME = auto()
    SECOND = auto()
    """A moment in a text, down to its second."""


Hole = tuple[Filling, bytes]
"""What is to be filled in, and what was recorded there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fillings:
    """What must be known of what was recorded, to fill the holes in."""

    number: bytes
    second: int
    coupon_letters: int
    """0: it has none."""
    hexes: tuple[int, ...]
    spelled_uuids: tuple[bytes, ...]
    digits: tuple[int, ...]
    tokens: tuple[int, ...]
    """How long each is."""
    uuids: tuple[bytes, ...]
    times: tuple[int, ...]
    seconds: tuple[int, ...]
    times_in: struct.Struct
    times_out: struct.Struct

    @classmethod
    def of(cls, holes: Sequence[Hole]) -> Self:
        """Of all holes in the order of their kinds."""
        of = {
            kind: [was for filling, was in holes if filling is kind] for kind in Filling
        }
        (number,) = of[Filling.NUMBER]
        times = of[Filling.TIME]
        return cls(
            number=number,
            second=_second_in(number),
            coupon_letters=sum(map(len, of[Filling.COUPON])),
            hexes=tuple(map(len, of[Filling.HEX])),
            spelled_uuids=tuple(
                bytes.fromhex(each.decode()) for each in of[Filling.SPELLED_UUID]
            ),
            digits=tuple(map(len, of[Filling.DIGITS])),
            tokens=tuple(map(len, of[Filling.OCTETS])),
            uuids=tuple(of[Filling.UUID]),
            times=tuple(int.from_bytes(each, "big", signed=True) for each in times),
            seconds=tuple(map(_second_spelled, of[Filling.SECOND])),
            times_in=struct.Struct(f">{len(times)}q"),
            times_out=struct.Struct("8s" * len(times)),
        )

    def values(self, nth: int, second: int, chance: Random) -> list[bytes]:
        """Those of the nth payment, made in a certain second."""
        moved = second - self.second
        return [
            self._number(second, chance),
            *((_coupon(nth, self.coupon_letters),) if self.coupon_letters else ()),
            *[chance.randbytes(letters // 2).hex().encode() for letters in self.hexes],
            *[
                _uuid(recorded, moved, chance).hex().encode()
                for recorded in self.spelled_uuids
            ],
            *[b"%0*d" % (many, chance.randrange(10**many)) for many in self.digits],
            *[chance.randbytes(octets) for octets in self.tokens],
            *[_uuid(recorded, moved, chance) for recorded in self.uuids],
            *self._times(moved * MICRO),
            *[_spelled(each + moved) for each in self.seconds],
        ]

    def _number(self, second: int, chance: Random) -> bytes:
        moment = f"{moment_of(second):%y%m%d%H%M%S}".encode()
        letters = chance.randbytes(RANDOM_LETTERS).translate(_LETTERS)
        return moment + self.number[SECOND_LETTERS:-RANDOM_LETTERS] + letters

    def _times(self, moved: int) -> tuple[bytes, ...]:
        packed = self.times_in.pack(*[each + moved for each in self.times])
        return self.times_out.unpack(packed)


def moment_of(second: int) -> datetime:
    """A second, counted as the server counts."""
    return POSTGRES_EPOCH + timedelta(seconds=second)


def second_of(moment: datetime) -> int:
    """The second in which a moment is."""
    return (moment - POSTGRES_EPOCH) // timedelta(seconds=1)


def _second_in(number: bytes) -> int:
    spelled = number[:SECOND_LETTERS].decode() + "+0000"
    return second_of(datetime.strptime(spelled, "%y%m%d%H%M%S%z"))


def _second_spelled(text: bytes) -> int:
    return second_of(datetime.fromisoformat(f"{text.decode()}+00:00"))


def _spelled(second: int) -> bytes:
    return moment_of(second).isoformat()[:19].encode()


def _uuid(recorded: bytes, moved: int, chance: Random) -> bytes:
    millis = int.from_bytes(recorded[:TIME_OCTETS], "big") + moved * 1000
    moment = millis.to_bytes(TIME_OCTETS, "big")
    kept = recorded[TIME_OCTETS:KEPT_OCTETS]
    return moment + kept + chance.randbytes(UUID_OCTETS - KEPT_OCTETS)


def _coupon(nth: int, letters: int) -> bytes:
    """A number (H…) that no other payment's coupon has, nor any that was issued."""
    made = ""
    for _ in range(letters - 1):
        nth, digit = divmod(nth, len(ALPHABET))
        made = ALPHABET[digit] + made
    assert nth == 0, "more coupons than there are numbers for"
    return f"H{made}".encode()
