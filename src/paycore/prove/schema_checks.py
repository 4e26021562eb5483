"""Checks that many tables have, for the journal in memory."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from paycore.kernel.journal import ChangeRejected, Row
from paycore.kernel.journal_memory import Check, MemoryStore


def one_of(**columns: Iterable[str]) -> Check:
    """CHECK (column IN (...)), of each of these columns."""
    wanted = [(attrgetter(name), frozenset(words)) for name, words in columns.items()]

    def check(_: MemoryStore, old: Any, new: Any) -> bool:
        for get, words in wanted:  # noqa: SIM110 `all` takes twice the time
            if get(new) not in words:
                return False
        return True

    return check


def refers(kind: type[Row], *columns: str) -> Check:
    """A foreign key: a row of that kind has the key that each column names."""

    def check(store: MemoryStore, old: Any, new: Any) -> bool:
        for column in columns:
            if store.load(kind, getattr(new, column)) is None:
                raise ChangeRejected("23503", f"there is no such {column}")
        return True

    return check


def kept(_: MemoryStore, old: Any, new: Any) -> bool:
    """`keep_guard`: what happened stays."""
    return old is None
