"""What the audit log can name has a name at the console, in both languages."""

import re
from pathlib import Path

from paycore.api.application import routes

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r'^  (\w+): \["([^"]+)", "([^"]+)"\],$', re.MULTILINE)
ENTERED = re.compile(r'\bact(?:: str)? ?= ?"(\w+)"')
ASKS_ONLY = {"tryRoute", "validateRoutes"}
"""Under a key, as all that is posted; nothing is changed, so nothing is entered."""


def test_whatever_is_entered_in_the_audit_log_can_be_read_and_looked_for():
    """An act without a name stands in the log as code, and in no filter."""
    text = (ROOT / "web/src/text/acts.ts").read_text(encoding="utf-8")
    named = {act for act, _, _ in NAMED.findall(text)}
    acts = {
        route.call.name
        for route in routes()
        if route.call.keyed and route.path.startswith(("/v1/console/", "/v1/desk/"))
    }
    for path in (ROOT / "src/paycore/operators").glob("*.py"):
        acts |= set(ENTERED.findall(path.read_text(encoding="utf-8")))

    assert {"logIn", "switchChannel", "changePasswordRefused"} <= acts
    assert named == acts - ASKS_ONLY
