"""The other end of a peer's line: a call is a line of JSON, and so is its answer."""

import json
import os
import sys
from collections.abc import Callable, Mapping


def serve(calls: Mapping[str, Callable[..., object]]) -> None:
    """Say that all that is needed is there; then answer line by line until there are
    no more. What is raised is an answer too.
    """
    # Some libraries print: what they say goes to standard error.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    out.write(json.dumps({"said": "ready"}) + "\n")
    out.flush()
    for line in sys.stdin:
        given = json.loads(line)
        try:
            answer = {"said": calls[given.pop("do")](**given)}
        except Exception as error:  # noqa: BLE001  whatever it is, the runner judges it
            answer = {
                "raised": type(error).__name__,
                "text": str(error),
                "facts": facts_of(error),
            }
        out.write(json.dumps(answer) + "\n")
        out.flush()


def facts_of(error: Exception) -> dict[str, object]:
    """What an exception says of itself."""
    plain = (str, int, bool, type(None))
    return {"args": [one for one in error.args if isinstance(one, plain)]} | {
        name: value
        for name in dir(error)
        if not name.startswith("_")
        for value in [getattr(error, name, None)]
        if isinstance(value, plain)
    }
