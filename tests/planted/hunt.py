"""Simulate seed after seed until one finds something; its parent reads a line each.

    python hunt.py ROOT FIRST LAST PAYMENTS [FAULT,FAULT]

It runs in a process of its own, because the code it imports is the copy under ROOT.
"""

import json
import sys
from pathlib import Path


def _found(seed: int, payments: int, faults: tuple[str, ...]) -> dict[str, str] | None:
    """The first thing that one run finds."""
    from paycore.prove.plan import Plan
    from paycore.prove.world import World

    world = World(Plan(seed=seed, payments=payments, always=faults))
    try:
        world.run()
    except Exception as bug:  # noqa: BLE001 whatever breaks a run is found
        return {"invariant": "BUG", "what": repr(bug)[:200]}
    finally:
        found = world.oracle.violations
    if not found:
        return None
    return {"invariant": found[0].invariant, "what": found[0].what[:200]}


def main(asked: list[str]) -> int:
    """Run from the first seed to the last, or to the one that finds something."""
    root, first, last, payments, *faults = asked
    always = tuple(faults[0].split(",")) if faults else ()
    import paycore

    assert Path(paycore.__file__).is_relative_to(root), paycore.__file__
    for seed in range(int(first), int(last) + 1):
        found = _found(seed, int(payments), always)
        sys.stdout.write(json.dumps({"seed": seed, "found": found}) + "\n")
        sys.stdout.flush()
        if found is not None:
            break
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
