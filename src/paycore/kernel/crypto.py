"""Sealing with a key ring (AES-256-GCM) and keyed hashes; thin over `cryptography`.

A sealed value is key id, nonce, ciphertext. The first key of the ring seals, every
key opens: rotation is putting a new key in front and re-sealing at leisure.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_pem_private_key,
)

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
        """Decrypt; refused for another context, or with a key the ring has not."""
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
    """HMAC-SHA256 over the parts, each with its length before it."""
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        octets = part.encode()
        mac.update(len(octets).to_bytes(4, "big"))
        mac.update(octets)
    return mac.digest()


def same(left: bytes, right: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left, right)


def content_hash(octets: bytes) -> bytes:
    """SHA-256: a fingerprint of what is no secret."""
    return hashlib.sha256(octets).digest()


@lru_cache(maxsize=8)
def private_key(octets: bytes, *, pem: bool) -> PrivateKeyTypes:
    """Parse a private key without a password: PEM, or its bare DER. Raises what
    `cryptography` raises: ValueError, TypeError or UnsupportedAlgorithm.

    An RSA key is tried when it is parsed, for some 50 ms in which nothing else runs in
    the process; an account that is opened again, with the same key, does without.
    """
    return (load_pem_private_key if pem else load_der_private_key)(octets, None)
