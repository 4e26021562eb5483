"""Whether a history fits on the disk, before anything of it is written."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from paycore.kernel.errors import Misconfigured

EVER_OCTETS = 4_000
"""What a finished payment takes for good, indexes and all; measured at a million."""

NEWEST_OCTETS = 8_400
"""And what it takes besides while its messages, decisions and answers are kept."""

SPARE_OCTETS = 6 << 30
"""For each server's log, what is paid meanwhile, and what an audit sorts."""

GB = 1e9


def needed(payments: int, kept_whole: int) -> int:
    """So many octets for a history."""
    newest = min(payments, kept_whole)
    return payments * EVER_OCTETS + newest * NEWEST_OCTETS


def refuse_full(folder: Path, histories: Iterable[int], kept_whole: int) -> None:
    """Raise Misconfigured where the disk of a folder has no room for all of them."""
    sizes = list(histories)
    wanted = SPARE_OCTETS + sum(needed(each, kept_whole) for each in sizes)
    free = shutil.disk_usage(folder).free
    if wanted > free:
        raise Misconfigured(
            f"{' and '.join(f'{each:,}' for each in sizes)} finished payments need"
            f" about {wanted / GB:,.1f} GB below {folder}, where {free / GB:,.1f} GB"
            " are free: make room, take fewer (--history), or set TMPDIR to a folder"
            " on a larger disk"
        )
