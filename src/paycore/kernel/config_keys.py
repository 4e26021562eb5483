"""Keys as settings hold them: read, or refused by the setting's name alone."""

import base64
import binascii
import secrets
from pathlib import Path

from paycore.kernel.errors import Misconfigured

PREFIX = "PAYCORE_"

KEY_OCTETS = 32


def ring_file(file: Path) -> str:
    """The keys that a file holds, as the setting would say them."""
    try:
        lines = file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            "the file that PAYCORE_KEY_RING names cannot be read"
        ) from (error)
    return ",".join(lines)


def ring_of(text: str) -> dict[str, bytes]:
    """Keys by id, the active one first."""
    ring: dict[str, bytes] = {}
    for part in filter(None, text.replace(",", " ").split()):
        name, _, key = part.partition(":")
        if name in ring:
            raise Misconfigured("PAYCORE_KEY_RING has two keys of one id")
        ring[name] = key_of("key_ring", key)
    if not ring:
        raise Misconfigured("PAYCORE_KEY_RING has no key")
    return ring


def key_of(name: str, text: str) -> bytes:
    """The key that a setting holds."""
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        octets = b""
    if len(octets) != KEY_OCTETS:
        raise Misconfigured(
            f"{PREFIX}{name.upper()} must hold {KEY_OCTETS} bytes in base64"
        )
    return octets


def fresh_keys() -> dict[str, str]:
    """Make keys, as the settings that hold them: for dev, and for a first set-up."""

    def fresh() -> str:
        return base64.b64encode(secrets.token_bytes(KEY_OCTETS)).decode()

    return {"key_ring": f"k1:{fresh()}", "code_key": fresh(), "search_key": fresh()}
