"""One-time codes by time (RFC 6238) of an operator's own device, each good once. Pure.

Six digits, thirty seconds a step, by SHA-1 as every such program has it. A code of the
step before or after is taken too: clocks differ.
"""

from base64 import b32encode
from datetime import datetime

import pyotp

STEP_S = 30
AROUND = (0, -1, 1)
ISSUER = "paycore"


def fresh_secret(octets: bytes) -> str:
    """Twenty unpredictable octets as such programs read them: base32."""
    return b32encode(octets).decode()


def step_of(secret: str, code: str, at: datetime, *, after: int) -> int | None:
    """Which step a code is of; None where it is of none near `at`, or of one that is
    not past `after`.
    """
    now = int(at.timestamp()) // STEP_S
    totp = pyotp.TOTP(secret, interval=STEP_S)
    for step in (now + away for away in AROUND):
        if totp.verify(code, for_time=step * STEP_S) and step > after:
            return step
    return None


def uri_of(secret: str, name: str) -> str:
    """What a program reads as a picture."""
    return pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(
        name=name, issuer_name=ISSUER
    )
