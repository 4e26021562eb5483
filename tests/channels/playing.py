"""The sandbox, a process of its own, as the providers that a test has made up."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from door import reserved
from strangers import Strangers

from paycore.dev import vendors
from paycore.dev.vendors import Contract

ENDS_WITHIN_S = 60


@contextmanager
def playing(folder: Path, contracts: Mapping[str, Contract]) -> Iterator[Strangers]:
    """Start it, and end it: with its data in a folder."""
    keys = {"secret": "5c" * 32, "encryption_key": "ec" * 32}
    hooks = ["whsec_" + base64.b64encode(b"w" * 24).decode()]
    command = [sys.executable, "-m", "paycore.sandbox", "--port", "0", "--watch-stdin"]
    command += ["--data", str(folder), "--config", str(folder / "config.json")]
    with reserved() as door:
        port = door.getsockname()[1]
        config = {
            "merchants": {"M-100": keys},
            "webhook_secrets": hooks,
            "vendors": vendors.sandbox_part(
                contracts, contracts, f"http://127.0.0.1:{port}"
            ),
        }
        (folder / "config.json").write_text(json.dumps(config))
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            yield Strangers(
                control=said["control"],
                banks=said["banks"],
                carriers=said["carriers"],
                merchant="M-100",
                **keys,
                contracts=contracts,
                door=port,
            )
            process.terminate()
            process.wait(ENDS_WITHIN_S)
