"""Sealing with a key ring (AES-256-GCM) and keyed hashes; thin over `cryptography`.

A sealed value is key id, nonce, ciphertext. The first key of the ring seals, every
key opens: rotation is putting a new key in front and re-sealing at leisure.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from paycore.kernel.errors import Misconfigured

NONCE_OCTETS = 12
KEY_OCTETS = 32


class KeyRing:
    """AES-256 keys by id (1-255 ASCII characters); the first one seals."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys or any(len(key) != KEY_OCTETS for key in keys.values()):
            raise Misconfigured("the key ring needs at least one key, each of 32 bytes")
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}
        self.active = next(iter(keys))

    def seal(self, clear: bytes, *, context: bytes) -> bytes:
        """Encrypt; `context` (whose value this is) is bound in and not stored."""
        nonce = os.urandom(NONCE_OCTETS)
        name = self.active.encode()
        body = self._ciphers[self.active].encrypt(nonce, clear, context)
        return bytes([len(name)]) + name + nonce + body

    def open(self, sealed: bytes, *, context: bytes) -> bytes:
        """Decrypt; a value sealed for another context or by an unknown key is refused."""
        name, rest = sealed[1 : 1 + sealed[0]].decode(), sealed[1 + sealed[0] :]
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise Misconfigured("a value is sealed with a key that the ring has not")
        try:
            return cipher.decrypt(rest[:NONCE_OCTETS], rest[NONCE_OCTETS:], context)
        except InvalidTag as error:
            raise Misconfigured("a sealed value does not open: wrong key") from error

    def key_of(self, sealed: bytes) -> str:
        """The id of the key that sealed a value: what rotation looks at."""
        return sealed[1 : 1 + sealed[0]].decode()


def keyed_hash(key: bytes, *parts: str) -> bytes:
    """HMAC-SHA256 over the parts, each with its length, so that none runs into the next."""
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        octets = part.encode()
        mac.update(len(octets).to_bytes(4, "big"))
        mac.update(octets)
    return mac.digest()


def same(left: bytes, right: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left, right)
