import asyncio
import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import structlog

from paycore.cli.main import main
from paycore.cli.visit import visit
from paycore.kernel.config_keys import fresh_keys


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def told(self):
        """Its line of JSON."""
        return json.loads(self.out)


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    """One set of keys for all commands of a module."""
    return {f"PAYCORE_{name.upper()}": key for name, key in fresh_keys().items()}


@pytest.fixture
def paycore(dsn, keys, monkeypatch, capsys) -> Iterator[Callable[..., Result]]:
    """Run commands as `paycore` does, in this process: starting one takes long."""
    for name in [name for name in os.environ if name.startswith("PAYCORE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATABASE_URL", dsn)
    for name, key in keys.items():
        monkeypatch.setenv(name, key)

    def run(*words: str, typed: str = "") -> Result:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as caught:
            main(words)
        out, err = capsys.readouterr()
        return Result(int(caught.value.code or 0), out, err)

    yield run
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    structlog.reset_defaults()


@pytest.fixture
def inside(paycore):
    """Do something on a node between commands."""

    def run(work):
        async def visiting():
            async with visit(None) as open_now:
                return await work(open_now)

        return asyncio.run(visiting())

    return run


@pytest.fixture
def bank() -> dict[str, str]:
    """Credentials that the sandbox's channel file takes."""
    return {"merchant": "us", "secret": "5ec2e7" * 4, "encryption_key": "ab" * 32}
