"""docs/proof.md, drawn from what the proofs wrote down when they ran.

    python tests/prove/page.py            draw the page anew
    python tests/prove/page.py kill       the same, after taking the line of JSON that a
                                          run of `make kill` ended with, from its output

Nothing on the page is written by hand but its sentences: each figure is a run's, with
the day of the run and the one command that makes it again.
"""

import json
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "proof.md"
RESULTS = Path(__file__).with_name("results")
PLANTED = ROOT / "tests" / "planted" / "results.json"
MUTATION = ROOT / "tests" / "mutation" / "results.json"
OPEN = Path(__file__).with_name("open.toml")
INVARIANTS = Path(__file__).with_name("invariants.toml")

sys.path.insert(0, str(ROOT / "tests" / "faults"))

import page as faults  # noqa: E402 the page of the directed tests
from matrix import FAULTS  # noqa: E402 the same folder

from paycore.prove import kinds as strikes  # noqa: E402
from paycore.prove.kinds import KINDS, NOT_SIMULATED, Kind  # noqa: E402

NOT_YET = "not run yet"

HEAD = """# Proof

With this page you can see what was tried to make paycore charge twice, guess or lose \
something, what came of it, and how to try it yourself.
It is drawn by `make proof` from what the runs wrote down; nobody writes figures here.
Every failure of the simulator replays from its seed: it prints the command that does.
"""

COMMANDS = (
    ("prove", "`make prove`", "simulated payments under faults"),
    (
        "postgres",
        "`make prove-postgres`",
        "the same beside a real PostgreSQL, compared",
    ),
    ("kill", "`make kill`", "kill -9 of nodes and of PostgreSQL under load"),
    (
        "races",
        "`make races`",
        "rounds of races for money: refunds, coupons, confirm against close, callbacks",
    ),
    ("explore", "`make explore`", "every order of events of one payment"),
)

FAMILIES: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    ("a code on its way to its payer", (*strikes.SEND, *strikes.TEXT)),
    (
        "money at a bank: charges, questions, callbacks",
        (*(*strikes.MONEY, *strikes.ENQUIRY, *strikes.CALLBACK),),
    ),
    ("banks that speak as a provider does", strikes.PROVIDERS),
    (
        "refunds at a bank, and the lines that ask for them",
        (*(*strikes.REFUND, *strikes.LINE),),
    ),
    (
        "cards that are signed, paid with and ended",
        (*(*strikes.SIGN, *strikes.REVOKE, *strikes.AGREEMENT),),
    ),
    ("payers, and their lines' calls", strikes.PAYER),
    ("payers at a checkout: tabs, the back button, the last moment", strikes.CHECKOUT),
    ("between a browser and its page", strikes.PAGE),
    ("operators: windows of accounts, and switches", strikes.WINDOW),
    ("two people at the desk", strikes.DESK),
    ("coupons of another system", strikes.COUPON_SYSTEM),
    (
        "notices to a line, and a ledger of the user's own",
        (*(*strikes.NOTICE, *strikes.LEDGER),),
    ),
    ("nodes and their clocks", strikes.NODE),
    ("the database", strikes.DATABASE),
    ("how an installation is set up", strikes.SETUP),
)
"""Who and what is in a simulated run, and the kinds of fault that are theirs."""


def result(name: str) -> dict[str, Any]:
    """What a run wrote down; nothing where none has."""
    file = RESULTS / f"{name}.json"
    if not file.exists():
        return {}
    read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return read


def other(file: Path) -> dict[str, Any]:
    """What a proof with a file of its own wrote down."""
    if not file.exists():
        return {}
    read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return read


def number(value: object) -> str:
    """A figure as people read it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}"


def render() -> str:
    """The page."""
    parts = (
        *(HEAD, _runs(), _open(), _planted(), _mutation()),
        *(_invariants(), _played(), _faults()),
    )
    return "\n".join(parts)


def _runs() -> str:
    rows = ["## The runs", "", "| run | command | day | figures |", "|---|---|---|---|"]
    for name, command, what in COMMANDS:
        found = result(name)
        figures = ", ".join(
            f"{key.replace('_', ' ')} {number(value)}"
            for key, value in found.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        )
        day = found.get("day", NOT_YET)
        rows.append(f"| {what} | {command} | {day} | {figures} |")
    return "\n".join(rows) + "\n"


def _open() -> str:
    """What was found and is not mended yet: a page that hid it would be worthless."""
    found = tomllib.loads(OPEN.read_text(encoding="utf-8"))
    rows = ["## Found, and not mended yet", ""]
    for run, one in found.items():
        rows.append(f"- `{run}` ({one['day']}): {one['what']}")
    return "\n".join(rows if found else [*rows, "Nothing."]) + "\n"


def _planted() -> str:
    found = other(PLANTED)
    rows = [
        "## The planted bugs",
        "",
        "A proof that finds nothing may be blind.",
        "Each of these bugs is planted into a copy of the code, and seeds are",
        "tried until one finds it (`make planted`).",
        "",
        "| bug | seeds it took | what broke |",
        "|---|---|---|",
    ]
    rows += [
        f"| `{name}` | {one['seeds'] if one['found'] else 'NOT FOUND'} "
        f"| {one.get('invariant') or ''} |"
        for name, one in found.items()
    ]
    return "\n".join(rows if found else [*rows[:5], NOT_YET]) + "\n"


def _mutation() -> str:
    found = other(MUTATION)
    rows = [
        "## The mutants",
        "",
        (
            "`make mutate` changes the money core in every small way it knows, and "
            "counts which changes a quick subset of the tests notices."
        ),
        "",
    ]
    if not found:
        return "\n".join([*rows, NOT_YET]) + "\n"
    rows += [
        "| file | mutants | killed | survived | not tried |",
        "|---|---|---|---|---|",
    ]
    for name, one in sorted(found["files"].items()):
        killed = one.get("killed", 0) + one.get("timeout", 0)
        rows.append(
            f"| `{name}` | {number(one.get('mutants', 0))} | {number(killed)} "
            f"| {number(one.get('survived', 0))} | {number(one.get('unchecked', 0))} |"
        )
    return "\n".join(rows) + "\n"


def _invariants() -> str:
    """Each invariant, with how often the simulator looked."""
    prove, postgres = result("prove"), result("postgres")
    rows = [
        "## The invariants",
        "",
        (
            "Looked at by the simulator at every commit, call, answer and notice, and "
            "at the end of each run; by `paycore audit` in a live database."
        ),
        "",
        "| | must hold | looks in simulation | violations |",
        "|---|---|---|---|",
    ]
    for name, one in tomllib.loads(INVARIANTS.read_text(encoding="utf-8")).items():
        looks = sum(run.get("checked", {}).get(name, 0) for run in (prove, postgres))
        if one.get("elsewhere"):
            rows.append(f"| {name} | {one['holds']} | {one['elsewhere']} | |")
            continue
        broken = sum(run.get("broken", {}).get(name, 0) for run in (prove, postgres))
        rows.append(f"| {name} | {one['holds']} | {number(looks)} | {broken} |")
    return "\n".join(rows) + "\n"


def _played() -> str:
    """Who and what is in a simulated run, with how often it was struck."""
    prove = result("prove")
    rows = [
        "## What the simulator plays",
        "",
        (
            "Each run draws which kinds of fault take part in it.\n"
            "A payment is made over the API, or at a checkout by a browser that reads "
            "the page and sends its forms.\n"
            "Operators leave accounts out meanwhile."
        ),
        "",
        "| who and what | kinds of fault | strikes |",
        "|---|---|---|",
    ]
    for what, family in FAMILIES:
        hits = sum(prove.get("hits", {}).get(kind.name, 0) for kind in family)
        names = " ".join(f"`{kind.name}`" for kind in family)
        rows.append(f"| {what} | {names} | {number(hits) if hits else NOT_YET} |")
    return "\n".join(rows) + "\n"


def _faults() -> str:
    """Each row of the matrix: its directed tests, and its kinds in the simulator."""
    prove = result("prove")
    known = faults.stored()
    rows = [
        "## The faults",
        "",
        (
            "| | what strikes | directed tests | last result | in the simulator "
            "| strikes | in seeds |"
        ),
        "|---|---|---|---|---|---|---|",
    ]
    for fault in FAULTS:
        kinds = [kind.name for kind in KINDS if fault.number in kind.rows]
        names = "<br>".join(f"`{name}`" for name in fault.tests) or "–"
        said = faults.outcome(fault, known) or "–"
        simulated = "<br>".join(f"`{name}`" for name in kinds)
        hits = sum(prove.get("hits", {}).get(name, 0) for name in kinds)
        runs = max((prove.get("runs", {}).get(name, 0) for name in kinds), default=0)
        rows.append(
            f"| {fault.number} | {fault.strikes} | {names} | {said} "
            f"| {simulated or NOT_SIMULATED[fault.number]} "
            f"| {number(hits) if kinds else ''} | {number(runs) if kinds else ''} |"
        )
    return "\n".join(rows) + "\n"


def take(name: str, text: str) -> None:
    """Keep the line of JSON that a run ended with, and its day."""
    lines = [line for line in text.splitlines() if line.startswith("{")]
    said = json.loads(lines[-1])
    said["day"] = f"{datetime.now(UTC):%Y-%m-%d}"
    RESULTS.mkdir(exist_ok=True)
    kept = json.dumps(said, indent=1)
    (RESULTS / f"{name}.json").write_text(f"{kept}\n", encoding="utf-8")


def main(asked: list[str]) -> None:
    """Take what is to be taken, and draw."""
    for name in asked:
        take(name, sys.stdin.read())
    PAGE.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
