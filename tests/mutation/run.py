"""Change the money core on purpose, and count which changes a test notices.

    python tests/mutation/run.py                           go on where it stopped
    python tests/mutation/run.py 'paycore.core.settle*'    some mutants, again
    python tests/mutation/run.py --sample=300              so many not tried yet
    python tests/mutation/run.py --report                  none: only what is known
    python tests/mutation/run.py --anew                    forget all, begin anew

mutmut makes the mutants, in a copy of the project under mutants/, and runs the named
subset (pyproject.toml, [tool.mutmut]) against each. What was killed stays killed until
its function changes; once a test of the subset changed, all others are tried again.
A mutant that survives needs a reason in survivors.toml. The last line is one of JSON.
"""

import json
import random
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from mutmut.configuration import config
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

ROOT = Path(__file__).parents[2]
MUTANTS = ROOT / "mutants"
STATS = MUTANTS / "mutmut-stats.json"
SUBSET = MUTANTS / "subset.sha256"
RESULTS = Path(__file__).with_name("results.json")
SURVIVORS = Path(__file__).with_name("survivors.toml")

WANTED_PERCENT = 90.0

KILLED, SURVIVED, TIMEOUT, UNCHECKED = "killed", "survived", "timeout", "unchecked"
VERDICTS = {
    "killed": KILLED,
    "timeout": TIMEOUT,
    "not checked": UNCHECKED,
    "check was interrupted by user": UNCHECKED,
}
"""mutmut's words and ours; whatever else it says, no test has killed it."""


def main(asked: list[str]) -> int:
    """Run, write, say."""
    began = time.monotonic()
    if "--anew" in asked and MUTANTS.exists():
        shutil.rmtree(MUTANTS)
    if "--report" not in asked:
        forget_what_tests_may_have_changed()
        mutmut = Path(sys.executable).with_name("mutmut")
        names = [each for each in asked if not each.startswith("--")]
        names += sample(asked)
        command = [mutmut, "run", "--max-children", "2", *names]
        subprocess.run(command, cwd=ROOT, check=False)
    verdicts = read()
    survivors = [told(file, name) for file, name in survived(verdicts)]
    files = {file: count(found) for file, found in verdicts.items()}
    total = Counter[str]()
    for counted in files.values():
        total.update(counted)
    if not total["mutants"]:
        print("no mutant was made", file=sys.stderr)
        return 1
    say(files, survivors)
    store(files, survivors)
    unexplained = [each["mutant"] for each in survivors if not each["reason"]]
    figures = {
        "mutants": total["mutants"],
        KILLED: total[KILLED],
        SURVIVED: total[SURVIVED],
        TIMEOUT: total[TIMEOUT],
        UNCHECKED: total[UNCHECKED],
        "unexplained": len(unexplained),
        "score_percent": score(total),
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(figures))
    good = figures["score_percent"] >= WANTED_PERCENT
    return 0 if good and not unexplained and not total[UNCHECKED] else 1


def forget_what_tests_may_have_changed() -> None:
    """Where a test of the subset changed, try again whatever was not killed."""
    text = sha256()
    for place in config().pytest_add_cli_args_test_selection:
        found = sorted((ROOT / place).glob("*.py")) or [ROOT / place]
        for file in found:
            if file != Path(__file__):
                text.update(file.read_bytes())
    if SUBSET.exists() and SUBSET.read_text() == text.hexdigest():
        return
    STATS.unlink(missing_ok=True)
    for meta in MUTANTS.glob("src/**/*.meta"):
        read_meta = json.loads(meta.read_text(encoding="utf-8"))
        codes = read_meta["exit_code_by_key"]
        for name, code in codes.items():
            codes[name] = code if status_by_exit_code[code] == KILLED else None
        meta.write_text(json.dumps(read_meta), encoding="utf-8")
    MUTANTS.mkdir(exist_ok=True)
    SUBSET.write_text(text.hexdigest())


def sample(asked: list[str]) -> list[str]:
    """So many of those that were not tried yet, drawn over all files."""
    wanted = sum(int(each[9:]) for each in asked if each.startswith("--sample="))
    untried = [
        name
        for found in read().values()
        for name, verdict in found.items()
        if verdict == UNCHECKED
    ]
    return random.Random(len(untried)).sample(untried, min(wanted, len(untried)))


def read() -> dict[str, dict[str, str]]:
    """By file, what became of each mutant."""
    verdicts = {}
    for file in config().only_mutate:
        meta = MUTANTS / f"{file}.meta"
        if not meta.exists():
            continue
        codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
        verdicts[file] = {
            name: VERDICTS.get(status_by_exit_code[code], SURVIVED)
            for name, code in codes.items()
        }
    return verdicts


def count(found: dict[str, str]) -> dict[str, Any]:
    """One file's figures."""
    counted = Counter(found.values())
    words = (KILLED, SURVIVED, TIMEOUT, UNCHECKED)
    return {"mutants": len(found), **{word: counted[word] for word in words}}


def score(counted: dict[str, Any]) -> float:
    """Killed or cut, of those that were tried."""
    tried = counted["mutants"] - counted[UNCHECKED]
    dead = counted[KILLED] + counted[TIMEOUT]
    return round(100 * dead / tried, 1) if tried else 0.0


def survived(verdicts: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
    """File and name of each mutant that no test noticed."""
    return [
        (file, name)
        for file, found in verdicts.items()
        for name, verdict in found.items()
        if verdict == SURVIVED
    ]


def told(file: str, name: str) -> dict[str, str]:
    """A survivor: what was changed, and the reason why that is harmless, if known.

    mutmut numbers the mutants of a function, so a number may come to mean another
    change: a reason holds for the changed lines and those around them, which are in
    its digest.
    """
    lines = [
        line
        for line in get_diff_for_mutant(name, path=file).splitlines()
        if not line.startswith(("+++", "---", "@@"))
    ]
    changed = [line for line in lines if line[:1] in ("+", "-")]
    function = name.partition("__mutmut_")[0]
    text = "\n".join((function, *lines))
    digest = sha256(text.encode()).hexdigest()[:12]
    return {
        "mutant": name,
        "digest": digest,
        "diff": "\n".join(changed),
        "reason": reasons().get(digest, ""),
    }


def reasons() -> dict[str, str]:
    """By digest of a change, why it is harmless."""
    if not SURVIVORS.exists():
        return {}
    kept = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))
    return {
        digest: each["reason"]
        for each in kept.get("harmless", [])
        for digest in each["mutants"].values()
    }


def say(files: dict[str, dict[str, Any]], survivors: list[dict[str, str]]) -> None:
    """What was found, for people."""
    print()
    for each in survivors:
        print(f"{each['mutant']}  {each['digest']}  {each['reason'] or 'NO REASON'}")
        print(f"{each['diff']}\n")
    print(f"{'file':<42} mutants  killed  survived  timeout  unchecked   score")
    for file, each in files.items():
        print(
            f"{file.removeprefix('src/paycore/'):<42} {each['mutants']:>7}"
            f" {each[KILLED]:>7} {each[SURVIVED]:>9} {each[TIMEOUT]:>8}"
            f" {each[UNCHECKED]:>10} {score(each):>6} %"
        )
    print(flush=True)


def store(files: dict[str, dict[str, Any]], survivors: list[dict[str, str]]) -> None:
    """Keep the figures for docs/proof.md."""
    kept = {
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "files": {
            file: {**each, "score_percent": score(each)} for file, each in files.items()
        },
        "survivors": survivors,
    }
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    RESULTS.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
