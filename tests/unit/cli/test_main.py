"""The command line finds its commands, and says bad news in one line."""

import asyncio
import subprocess
import sys

import asyncpg
import pytest

from paycore import __version__
from paycore.cli.main import main
from paycore.kernel.config import load


def test_the_version_is_printed(capsys):
    """`paycore version` says which version this is."""
    with pytest.raises(SystemExit) as ended:
        main(["version"])

    assert 0 == ended.value.code
    assert f"{__version__}\n" == capsys.readouterr().out


def test_fresh_keys_are_settings(capsys):
    """What `paycore keys` prints is what a node needs to start."""
    with pytest.raises(SystemExit):
        main(["keys"])
    lines = capsys.readouterr().out.splitlines()

    settings = load(dict(line.split("=", 1) for line in lines))

    assert ["k1"] == list(settings.ring_keys)


def test_migrate_uses_the_database_that_was_named(dsn, monkeypatch, capsys):
    """With DATABASE_URL set, that schema is looked at and no server is started."""
    monkeypatch.setenv("DATABASE_URL", dsn)

    with pytest.raises(SystemExit) as ended:
        main(["migrate", "--check"])

    assert 0 == ended.value.code
    assert "" == capsys.readouterr().out


def test_migrate_alone_gives_every_month_its_partitions(dsn, monkeypatch, capsys):
    """What nodes could not make is made while none runs, and named."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    late = "1001" + "0" * 22
    asyncio.run(_write(dsn, late))

    with pytest.raises(SystemExit) as ended:
        main(["migrate", "--alone"])

    assert 0 == ended.value.code
    assert "trail_p1001: 1 rows moved\n" == capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["migrate", "--alone", "--check"])
    assert 2 == ended.value.code


async def _write(dsn, no):
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "INSERT INTO trail (pay_order_no, change_id, at, epoch, steps)"
        " VALUES ($1, gen_random_uuid(), now(), 1, '[]')",
        no,
    )
    await connection.close()


def test_bad_news_is_one_line(tmp_path, monkeypatch, capsys):
    """A database that is not there is a sentence, not a traceback."""
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u@/x?host={tmp_path}")

    with pytest.raises(SystemExit) as ended:
        main(["migrate"])

    said = capsys.readouterr().err
    assert 1 == ended.value.code
    assert said.startswith("paycore: the database cannot be reached")
    assert 1 == said.count("\n")


def test_an_unknown_command_is_refused(capsys):
    """A misspelt command names itself, and is not taken for another."""
    with pytest.raises(SystemExit) as ended:
        main(["serv"])

    assert 2 == ended.value.code


def test_a_command_imports_only_its_own_file():
    """`paycore version` does not load the web framework."""
    program = (
        "import sys; from paycore.cli.main import main\n"
        "try: main(['version'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'litestar', 'asyncpg', 'aiohttp'} & sys.modules.keys()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert [__version__, "[]"] == ran.stdout.split()
