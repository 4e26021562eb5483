"""Bearer tokens: `<prefix>_<id>_<secret>`, of which a hash of the secret is kept.

The id finds the row. The secret has 260 random bits, so that a plain SHA-256 of it is
enough to keep; it is shown once. Whose a token is and what it is good for is not known
here. Pure but for the node's randomness.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Self

from paycore.kernel.crypto import same
from paycore.kernel.ids import ALPHABET, Ids, letters

ID_LETTERS = 12
SECRET_LETTERS = 52

_FORM = re.compile(
    rf"([a-z]+)_([{ALPHABET}]{{{ID_LETTERS}}})_([{ALPHABET}]{{{SECRET_LETTERS}}})"
)
_NO_DIGEST = bytes(32)
"""Compared with where there is no such row, so that both take as long."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token taken apart."""

    prefix: str
    id: str
    secret: str = field(repr=False)

    @classmethod
    def fresh(cls, ids: Ids, prefix: str) -> Self:
        """A token that nobody can guess."""
        return cls(prefix, letters(ids, ID_LETTERS), letters(ids, SECRET_LETTERS))

    @classmethod
    def read(cls, text: str, prefix: str) -> Self | None:
        """What somebody sent, if it has the form and is of this kind."""
        form = _FORM.fullmatch(text)
        return cls(*form.groups()) if form and form[1] == prefix else None

    @property
    def clear(self) -> str:
        """As it is shown, once."""
        return f"{self.prefix}_{self.id}_{self.secret}"

    @property
    def digest(self) -> bytes:
        """What is kept of it."""
        return hashlib.sha256(self.secret.encode()).digest()

    def matches(self, kept: bytes | None) -> bool:
        """Whether it is the token of which this is kept; None: of no token."""
        return same(self.digest, _NO_DIGEST if kept is None else kept)
