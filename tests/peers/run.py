"""What providers' kits and foreign servers make of our calls: `make peers`.

The kits are clients of our simulators, the servers those of our adapters.
Progress goes to standard error; standard output ends with one line of JSON.
"""

import argparse
import json
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import msgspec
import with_aliyun
import with_huifu
import with_localstripe
import with_npm
import with_smpplib
import with_stripe
import with_tencent
from book import Book, Page
from peer import CannotRun
from stage import Stage, staged

from paycore.kernel import log

ROOT = Path(__file__).parents[2]
NPM = Path(__file__).parent / "npm"

NOBODY = 3
"""The exit code where none of them could be run: green would say that all agree."""

Talk = Callable[[Path, Stage, Page], None]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A peer, and what it needs: `python` (the environment of the kits) or `node`."""

    name: str
    talk: Talk
    needs: str = "python"


PEERS = (
    Known(name="dg-sdk", talk=with_huifu.talk),
    Known(name="stripe", talk=with_stripe.talk),
    Known(name="aliyun", talk=with_aliyun.talk),
    Known(name="tencent", talk=with_tencent.talk),
    Known(name="smpplib", talk=with_smpplib.talk),
    Known(name="localstripe", talk=with_localstripe.talk),
    Known(name="npm-smpp", talk=with_npm.talk, needs="node"),
)


def main(given: Sequence[str]) -> int:
    """Talk with all of them, or with those that are named; 1 where any disagrees."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("peers", nargs="*", help="only these")
    asked.add_argument(
        "--python",
        type=Path,
        default=ROOT / ".venv-peers" / "bin" / "python",
        help="the interpreter that has the kits",
    )
    chosen = asked.parse_args(given)
    names = [one.name for one in PEERS]
    if strange := set(chosen.peers) - set(names):
        asked.error(f"{min(strange)} is none of {', '.join(names)}")
    # What adapters log of refusals and lost lines is what was asked for.
    log.configure(level="ERROR")
    began, book = time.monotonic(), Book()
    wanted = [one for one in PEERS if not chosen.peers or one.name in chosen.peers]
    with staged() as stage:
        for one in wanted:
            _met(one, chosen.python, stage, book)
    for line in book.disagreements:
        _say(line)
    sys.stdout.write(json.dumps(book.summed(time.monotonic() - began)) + "\n")
    if not book.pages:
        _say("nobody could be met: nothing is shown by this")
        return NOBODY
    return int(bool(book.disagreements))


def _met(one: Known, python: Path, stage: Stage, book: Book) -> None:
    """Talk with one, where it is there."""
    page = Page(peer=one.name)
    try:
        one.talk(_runs(one, python), stage, page)
    except CannotRun as error:
        book.not_run[one.name] = str(error)
        _say(f"{one.name}: not run: {error}")
        return
    except Exception as error:  # noqa: BLE001  the others can be met all the same
        traceback.print_exc()
        page.differs(f"broke off: {type(error).__name__}: {error}")
    book.pages.append(page)
    _say(f"{one.name}: {page.calls} calls, {len(page.disagreements)} disagreements")


def _runs(one: Known, python: Path) -> Path:
    """The program that runs it, or `CannotRun`."""
    if one.needs == "python":
        if not python.exists():
            raise CannotRun("the environment of the kits is not installed")
        return python
    node = shutil.which("node")
    if node is None:
        raise CannotRun("there is no node on this machine")
    if not (NPM / "node_modules" / "smpp").is_dir():
        raise CannotRun("npm has not installed it")
    return Path(node)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
