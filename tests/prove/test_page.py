"""docs/proof.md says what the runs wrote down, and nothing else."""

import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from importlib.util import module_from_spec, spec_from_file_location

_spec = spec_from_file_location("proof_page", Path(__file__).with_name("page.py"))
proof = module_from_spec(_spec)
_spec.loader.exec_module(proof)


def test_the_page_is_what_the_runs_wrote_down():
    """`make proof` would change nothing."""
    assert proof.render() == proof.PAGE.read_text(encoding="utf-8")


def test_every_kind_of_fault_is_played_by_somebody():
    """None of them is missing on the page, nor there twice."""
    told = [kind.name for _, family in proof.FAMILIES for kind in family]

    assert sorted(kind.name for kind in proof.KINDS) == sorted(told)


def test_every_invariant_is_looked_at_or_held_elsewhere():
    """Thirty of them, in their order, none twice."""
    read = tomllib.loads(proof.INVARIANTS.read_text(encoding="utf-8"))
    numbered = [name for name in read if name.startswith("I")]
    looked = proof.result("prove").get("checked", {})

    assert [f"I{number}" for number in range(1, 31)] == numbered
    assert all(read[name].get("elsewhere") or looked.get(name) for name in numbered)


def test_no_violation_goes_unnamed_and_no_survivor_is_published():
    """What the page counts it names as not mended yet, each with its seed."""
    named = tomllib.loads(proof.OPEN.read_text(encoding="utf-8")).values()
    counted = sum(one.get("violations", 0) for one in named)
    assert counted == proof.result("prove")["violations"]
    assert all(one["found"] for one in proof.other(proof.PLANTED).values())
