"""The chain of what operators did: how an entry is hashed. Pure.

An entry's hash is SHA-256 over the hash before it (32 octets) and its columns in their
order, each as its length in octets, a colon and its text in UTF-8. Its time is counted
in microseconds since 1970, an operator that is none is empty. So nothing of an entry,
and none of them, can be another without all later hashes being others. The auditor
works the same out in SQL (`audit.questions.operators`).
"""

import hashlib
from datetime import UTC, datetime, timedelta

from paycore.operators.rows import EntryRow

NOTHING = bytes(32)
"""The hash before the first entry."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def hash_of(entry: EntryRow) -> bytes:
    """What the entry's hash must be."""
    made = hashlib.sha256(entry.previous)
    for text in (
        str(entry.seq),
        str((entry.at - _EPOCH) // timedelta(microseconds=1)),
        *(entry.operator_id or "", entry.operator, entry.role),
        *(entry.act, entry.subject, entry.why, entry.detail),
    ):
        octets = text.encode()
        made.update(b"%d:%b" % (len(octets), octets))
    return made.digest()
