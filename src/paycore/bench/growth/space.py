"""Whether a history fits on the disk, before anything of it is written."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from paycore.bench.growth.history import History
from paycore.kernel.errors import Misconfigured

EVER_OCTETS = 4_000
"""What a finished payment takes for good, indexes and all; measured at a million."""

NEWEST_OCTETS = 6_900
"""And what it takes besides while its messages, decisions, steps and codes are kept;
measured at twenty thousand.
"""

SPARE_OCTETS = 6 << 30
"""For each server's log, what is paid meanwhile, and what an audit sorts."""

GB = 1e9


def needed(history: History) -> int:
    """So many octets for a history."""
    return history.payments * EVER_OCTETS + len(history.newest) * NEWEST_OCTETS


def refuse_full(folder: Path, histories: Sequence[History]) -> None:
    """Raise Misconfigured where the disk of a folder has no room for all of them."""
    wanted = SPARE_OCTETS + sum(map(needed, histories))
    free = shutil.disk_usage(folder).free
    if wanted > free:
        named = " and ".join(f"{each.payments:,}" for each in histories)
        raise Misconfigured(
            f"{named} finished payments need"
            f" about {wanted / GB:,.1f} GB below {folder}, where {free / GB:,.1f} GB"
            " are free: make room, take fewer (--history), or set TMPDIR to a folder"
            " on a larger disk"
        )
