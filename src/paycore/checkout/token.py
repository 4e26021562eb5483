"""The token in a checkout's address: made of a random salt and a key of ours, so that
it can be said again to whoever repeats his request, and is in no row.

It is of the form of `kernel.bearer`: an id that finds the row, and a secret of 256 bits
of which a hash is kept. It opens this one page and is good for nothing else.
"""

from paycore.checkout.rows import CheckoutRow
from paycore.kernel.bearer import ID_LETTERS, SECRET_LETTERS, Bearer
from paycore.kernel.crypto import keyed_hash
from paycore.kernel.ids import ALPHABET, letters
from paycore.kernel.node import Node

PREFIX = "co"
SALT_OCTETS = 32


def fresh(node: Node) -> tuple[Bearer, bytes]:
    """A token that nobody can guess, and the salt that makes it again."""
    salt = node.ids.token(SALT_OCTETS)
    return _made(node, letters(node.ids, ID_LETTERS), salt), salt


def of(node: Node, row: CheckoutRow) -> Bearer:
    """The token of a checkout, as it was first made."""
    return _made(node, row.checkout_no, row.salt)


def _made(node: Node, checkout_no: str, salt: bytes) -> Bearer:
    key = node.settings.search_key_octets
    octets = keyed_hash(key, "checkout_token", checkout_no, salt.hex())
    return Bearer(PREFIX, checkout_no, _letters(octets))


def _letters(octets: bytes) -> str:
    """All bits of a number as letters, none lost."""
    number, text = int.from_bytes(octets), ""
    for _ in range(SECRET_LETTERS):
        number, rest = divmod(number, len(ALPHABET))
        text += ALPHABET[rest]
    return text
