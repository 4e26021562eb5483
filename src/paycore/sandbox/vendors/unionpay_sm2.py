"""SM2 as UnionPay's gateway has it (signMethod 21), by `gmalg`, which signs for nobody
else here: what the channel signs with is another's work.

What the papers leave open is a part of the contract (`Forms`).
"""

import base64
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from gmalg import SM2
from gmalg.errors import GMError

from paycore.sandbox.vendors.unionpay_ways import Forms, Private, Public

_POINT_AFTER: Final = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d034200")
"""How a certificate says that an SM2 point of 65 octets follows."""
_NUMBER_AFTER: Final = bytes.fromhex("0201010420")
"""And a key, that its number does."""


def _octets(pem: str, kind: str) -> bytes:
    """What is between the lines of a PEM; ValueError where there is none."""
    _, _, rest = pem.partition(f"-----BEGIN {kind}-----")
    text, end, _ = rest.partition(f"-----END {kind}-----")
    if not end:
        raise ValueError(f"no {kind.lower()}")
    return base64.b64decode("".join(text.split()), validate=True)


def _after(octets: bytes, mark: bytes, length: int) -> bytes:
    _, _, rest = octets.partition(mark)
    if len(rest) < length:
        raise ValueError("not of SM2")
    return rest[:length]


class Sm2Public(Public):
    """A point, and whose it is; ValueError where the certificate has none."""

    def __init__(self, pem: str, forms: Forms) -> None:
        self._point = _after(_octets(pem, "CERTIFICATE"), _POINT_AFTER, 65)
        read = x509.load_pem_x509_certificate(pem.encode())
        self.serial = str(read.serial_number)
        self.whose = (
            self.serial if forms.identity == "serial" else "1234567812345678"
        ).encode()
        self._forms = forms

    def is_by(self, signature: bytes, letters: bytes) -> bool:
        """With SM3, in the form that was agreed on."""
        if self._forms.signature == "der":
            try:
                r, s = decode_dss_signature(signature)
                signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
            except (ValueError, OverflowError):
                return False
        if len(signature) != 64:
            return False
        key = SM2(uid=self.whose, pk=self._point)
        return bool(key.verify(letters, signature[:32], signature[32:]))

    def sealed(self, octets: bytes) -> bytes:
        """In the form that was agreed on."""
        made = bytes(SM2(pk=self._point).encrypt(octets))
        if self._forms.sealed == "asn1":
            return _in_asn1(made)
        return made[1:] if self._forms.sealed == "c1c3c2_without_04" else made


class Sm2Private(Private):
    """A number, and whose it is; ValueError where it is none."""

    def __init__(self, pem: str, public: Sm2Public, forms: Forms) -> None:
        self._number = _after(_octets(pem, "PRIVATE KEY"), _NUMBER_AFTER, 32)
        self._key = SM2(self._number, public.whose, public._point)  # noqa: SLF001
        self._forms = forms

    def sign(self, letters: bytes) -> bytes:
        """With SM3, in the form that was agreed on."""
        r, s = self._key.sign(letters)
        if self._forms.signature == "der":
            return encode_dss_signature(
                int.from_bytes(r, "big"), int.from_bytes(s, "big")
            )
        return bytes(r).rjust(32, b"\0") + bytes(s).rjust(32, b"\0")

    def opened(self, octets: bytes) -> bytes:
        """In the form that was agreed on, and in no other."""
        match self._forms.sealed:
            case "asn1":
                octets = _out_of_asn1(octets)
            case "c1c3c2_without_04":
                octets = b"\4" + octets
        if octets[:1] != b"\4" or len(octets) <= 65 + 32:
            raise ValueError("not sealed")
        try:
            return bytes(self._key.decrypt(octets))
        except GMError as error:
            raise ValueError("not sealed for it") from error


# --- a point, a hash and a text in a SEQUENCE -----------------------------------------


def _in_asn1(made: bytes) -> bytes:
    x, y, told, text = made[1:33], made[33:65], made[65:97], made[97:]
    held = b"".join(
        _element(tag, octets)
        for tag, octets in ((2, _number(x)), (2, _number(y)), (4, told), (4, text))
    )
    return _element(0x30, held)


def _number(octets: bytes) -> bytes:
    bare = octets.lstrip(b"\0") or b"\0"
    return b"\0" + bare if bare[0] & 0x80 else bare


def _element(tag: int, octets: bytes) -> bytes:
    length = len(octets)
    size = bytes([length]) if length < 128 else bytes([0x81, length])
    return bytes([tag]) + size + octets


def _out_of_asn1(octets: bytes) -> bytes:
    held, rest = _split(octets, 0x30)
    x, held = _split(held, 2)
    y, held = _split(held, 2)
    told, held = _split(held, 4)
    text, held = _split(held, 4)
    if rest or held or len(told) != 32:
        raise ValueError("not a point, a hash and a text")
    x, y = (one.lstrip(b"\0").rjust(32, b"\0") for one in (x, y))
    return b"\4" + x + y + told + text


def _split(octets: bytes, tag: int) -> tuple[bytes, bytes]:
    """An element's octets, and what follows it."""
    head = 3 if octets[1:2] == b"\x81" else 2
    if len(octets) < head or octets[0] != tag or (head == 2 and octets[1] > 127):
        raise ValueError("not the element that is due")
    end = head + octets[head - 1]
    if len(octets) < end:
        raise ValueError("cut off")
    return octets[head:end], octets[end:]
