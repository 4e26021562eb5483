"""The sandbox's only look at the wall clock.

The pure parts (`bank`, `orders`, `protocol`, `faults`) take time as a parameter.
"""

import time


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
