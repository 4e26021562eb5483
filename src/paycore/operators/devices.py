"""Browsers that an operator has logged in with before: their tries are counted apart.

Whoever knows a name can lock it for everybody else, for ever if he goes on. But not for
the operator's own browser: it has a cookie that says so, good for nothing else, by
which its tries have a count and a lock of their own. A cookie that was stolen is five
guesses more, and then locked as a name is.
"""

import re
from datetime import timedelta

from paycore.kernel.crypto import keyed_hash, same
from paycore.kernel.ids import ALPHABET, letters
from paycore.kernel.node import Node

LASTS = timedelta(days=180)
"""Since the last log-in."""

ID_LETTERS = 12

_FORM = re.compile(rf"([{ALPHABET}]{{{ID_LETTERS}}})\.([0-9a-f]{{64}})")


def known(node: Node, name: str, cookie: str) -> str:
    """Which of an operator's browsers a cookie is of; empty where it is of none."""
    form = _FORM.fullmatch(cookie)
    if form is None or not same(bytes.fromhex(form[2]), _mark(node, name, form[1])):
        return ""
    return form[1]


def remembered(node: Node, name: str, device: str = "") -> str:
    """The cookie of a browser; of one that is not known yet, where none is given."""
    device = device or letters(node.ids, ID_LETTERS)
    return f"{device}.{_mark(node, name, device).hex()}"


def _mark(node: Node, name: str, device: str) -> bytes:
    return keyed_hash(node.settings.search_key_octets, "operators_device", name, device)
