"""The payers' phones: every text that reached one, from the sandbox's own record."""

import sqlite3
from pathlib import Path
from typing import cast

_LAST = "SELECT coalesce(max(n), 0) FROM text WHERE phone = ?"
_SINCE = (
    "SELECT code FROM text WHERE phone = ? AND n > ? AND code IS NOT NULL ORDER BY n"
)


class Phones:
    """The record, opened for reading only; asking costs the sandbox nothing."""

    def __init__(self, folder: Path) -> None:
        self._reader = sqlite3.connect(
            f"file:{folder / 'sandbox.db'}?mode=ro", uri=True, isolation_level=None
        )

    def last(self, phone: str) -> int:
        """Where a phone stands: what comes now is later."""
        return cast("int", self._reader.execute(_LAST, (phone,)).fetchone()[0])

    def since(self, phone: str, mark: int) -> list[str]:
        """The codes that came after a mark, newest last."""
        return [code for (code,) in self._reader.execute(_SINCE, (phone, mark))]

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()
