"""`python -m paycore.sandbox`: start the sandbox and print where it listens."""

import argparse
import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from paycore.sandbox.serve import CannotStart, Options, run

_PR_SET_PDEATHSIG: Final = 1


def main() -> int:
    """Run until told to stop."""
    arguments = _parser().parse_args()
    if arguments.die_with_parent:
        _die_with_parent(os.getppid())
    options = Options(
        port=arguments.port,
        data=arguments.data,
        config=arguments.config,
        seed=arguments.seed,
    )
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(run(options, watch_stdin=arguments.watch_stdin))
    except CannotStart as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m paycore.sandbox", description=__doc__
    )
    parser.add_argument(
        "--port", type=int, required=True, help="of the control; 0 is any free one"
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the durable record"
    )
    parser.add_argument(
        "--config", type=Path, required=True, help="JSON file of merchants and keys"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the faults' random numbers"
    )
    parser.add_argument(
        "--die-with-parent",
        action="store_true",
        help="be killed with the parent (Linux; start from a thread that lives on)",
    )
    parser.add_argument(
        "--watch-stdin", action="store_true", help="stop at the end of standard input"
    )
    return parser


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Uvloop where it is installed: half the processor time a call."""
    try:
        import uvloop  # noqa: PLC0415  optional, and absent on some systems
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def _die_with_parent(parent: int) -> None:
    """Ask the kernel to kill us with the parent; elsewhere use --watch-stdin."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we could ask
        sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
