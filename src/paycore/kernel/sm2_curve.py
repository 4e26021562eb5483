"""The curve of SM2 (GM/T 0003.5): its points, and multiples of them.

In Python, because `cryptography` does not have this curve; tests compare with `gmalg`
and `openssl`. A multiple of the base point, which is what a secret number is used for,
takes the same 64 additions for every number; how long one takes is not the same to the
nanosecond (decision 0051).
"""

from functools import lru_cache
from typing import Final

P: Final = 2**256 - 2**224 - 2**96 + 2**64 - 1
"""The field's prime."""
B: Final = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
"""y² = x³ - 3x + B."""
ORDER: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
"""How many points there are; a prime."""

Point = tuple[int, int]
"""One that is not at infinity."""

BASE: Final[Point] = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)

_Jacobian = tuple[int, int, int]
"""x/z², y/z³, z: one division at the end instead of one a step. z is 0 at infinity."""
_INFINITY: Final = (1, 1, 0)

_WINDOW = 4
_DIGITS: Final = 256 // _WINDOW
_ONES: Final = sum(1 << (_WINDOW * i) for i in range(_DIGITS))
"""A number whose digits are all 1."""


def is_point(x: int, y: int) -> bool:
    """Whether it is on the curve."""
    return 0 <= x < P and 0 <= y < P and (y * y - x * x * x + 3 * x - B) % P == 0


def times_base(number: int) -> Point:
    """A multiple of the base point; the number is not one of the order's."""
    # So written that no digit is 0: every number has as many additions.
    rest, found = (number - _ONES) % ORDER, _INFINITY
    for row in _table():
        found = _plus(found, row[rest & 15])
        rest >>= _WINDOW
    return _affine(found)


def times(number: int, point: Point) -> Point | None:
    """A multiple of any point; None where that is at infinity."""
    return _affine_or_none(_times(number, point))


def sum_of(base: int, number: int, point: Point) -> Point | None:
    """`base` times the base point and `number` times another one; None: infinity."""
    found = _times(number, point)
    if base % ORDER:
        found = _plus(found, times_base(base))
    return _affine_or_none(found)


def _times(number: int, point: Point) -> _Jacobian:
    row, found = _row(point), _INFINITY
    for at in reversed(range(0, 256, _WINDOW)):
        for _ in range(_WINDOW):
            found = _double(found)
        digit = number >> at & 15
        if digit:
            found = _plus(found, row[digit - 1])
    return found


def _double(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    zz, yy = z * z % P, y * y % P
    xyy, slope = x * yy % P, 3 * (x - zz) * (x + zz) % P
    x3 = (slope * slope - 8 * xyy) % P
    return x3, (slope * (4 * xyy - x3) - 8 * yy * yy) % P, 2 * y * z % P


def _plus(left: _Jacobian, right: Point) -> _Jacobian:
    x, y, z = left
    if not z:
        return (*right, 1)
    zz = z * z % P
    wide, high = (right[0] * zz - x) % P, (right[1] * z * zz - y) % P
    if not wide:
        return _INFINITY if high else _double(left)
    square = wide * wide % P
    cube, shifted = wide * square % P, x * square % P
    x3 = (high * high - cube - 2 * shifted) % P
    return x3, (high * (shifted - x3) - y * cube) % P, z * wide % P


def _affine(point: _Jacobian) -> Point:
    x, y, z = point
    inverse = pow(z, -1, P)
    square = inverse * inverse % P
    return x * square % P, y * square * inverse % P


def _affine_or_none(point: _Jacobian) -> Point | None:
    return _affine(point) if point[2] else None


def _row(point: Point) -> list[Point]:
    """A point's multiples, once to sixteen times."""
    row = [point]
    while len(row) < 1 << _WINDOW:
        row.append(_affine(_plus((*row[-1], 1), point)))
    return row


@lru_cache(maxsize=1)
def _table() -> list[list[Point]]:
    """The base point's multiples, a row for each digit; made once, in some 30 ms."""
    rows = [_row(BASE)]
    while len(rows) < _DIGITS:
        rows.append(_row(rows[-1][-1]))
    return rows
