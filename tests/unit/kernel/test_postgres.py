"""The launcher: its server lives as long as we do, and starts after anything."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import asyncpg
import pytest

from paycore.kernel import postgres
from paycore.kernel.postgres import Cluster, ServerUnavailableError, fresh_folder
from paycore.kernel.postgres_programs import Account, closed_to

IS_ROOT = os.geteuid() == 0


@pytest.fixture
def folder():
    made = fresh_folder("paycore-launcher-")
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def own():
    """A cluster that this module may kill."""
    made = fresh_folder("paycore-launcher-")
    with Cluster.start(made) as running:
        yield running
    shutil.rmtree(made, ignore_errors=True)


def ask(dsn, question):
    async def asked():
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return asyncio.run(asked())


def gone(pid):
    """Wait until nothing runs under the number any more."""
    for _ in range(6000):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_a_fresh_cluster_has_our_database_and_role(own):
    """The database paycore is there, in UTF-8, owned by the superuser paycore."""
    seen = ask(
        own.dsn,
        "SELECT concat_ws(' ', current_database(), current_user,"
        " current_setting('server_encoding'), current_setting('is_superuser'))",
    )

    assert "paycore paycore UTF8 on" == seen


def test_what_was_committed_is_kept(own):
    """Commits are written to disk before they are answered, whoever connects."""
    assert "on" == ask(own.dsn, "SELECT current_setting('fsync')")
    assert "on" == ask(own.dsn, "SELECT current_setting('synchronous_commit')")
    assert "on" == ask(own.dsn, "SELECT current_setting('full_page_writes')")


@pytest.mark.parametrize("name", sorted(postgres.DURABLE))
def test_durability_cannot_be_asked_away(folder, name):
    """Nobody starts a server of ours that may lose what it has committed."""
    with pytest.raises(ValueError, match=name):
        Cluster.start(folder, settings={name: "off"})


def test_no_port_is_open_unless_asked_for(own):
    """The server listens on its socket only, in a folder only its account enters."""
    assert "" == ask(own.dsn, "SELECT current_setting('listen_addresses')")
    assert 0o700 == (own.data / "run").stat().st_mode & 0o777


def test_it_starts_again_after_kill_minus_nine(own):
    """After kill -9 of the main process the data is there and it serves again."""
    ask(own.dsn, "CREATE TABLE kept AS SELECT 42 AS value")

    own.kill()
    own.restart()

    assert 42 == ask(own.dsn, "SELECT value FROM kept")


def test_a_stale_pid_file_that_names_a_live_process_is_no_obstacle(own):
    """The old number may be somebody else's by now: only the lock tells."""
    own.stop()
    pid_file = own.data / "pgdata" / "postmaster.pid"
    pid_file.write_text(f"{os.getppid()}\n{own.data}/pgdata\n1\n5432\n/run\n\n  1 1\n")

    own.restart()

    assert 1 == ask(own.dsn, "SELECT 1")


def test_a_second_start_waits_for_the_first_to_be_gone(own):
    """Two servers never run on one folder; the later one starts when the first ends."""
    ending = threading.Timer(0.5, own.stop)
    begun = time.monotonic()
    ending.start()

    with Cluster.start(own.data) as second:
        waited = time.monotonic() - begun
        answer = ask(second.dsn, "SELECT 1")
    ending.join()
    own.restart()

    assert 1 == answer
    assert waited >= 0.4


def test_it_outlives_the_thread_that_started_it(folder):
    """A short-lived thread may start it: its life is bound to the process."""
    started = []
    thread = threading.Thread(target=lambda: started.append(Cluster.start(folder)))
    thread.start()
    thread.join()
    time.sleep(0.2)

    with started[0] as cluster:
        assert 1 == ask(cluster.dsn, "SELECT 1")


def test_it_dies_with_its_parent(folder):
    """Nothing is left when the process that started it is killed with -9."""
    program = (
        "import sys, time; from pathlib import Path\n"
        "from paycore.kernel.postgres import Cluster\n"
        "print(Cluster.start(Path(sys.argv[1])).pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True
    )
    with parent:
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)

    assert gone(pid)
    with Cluster.start(folder) as cluster:
        assert 1 == ask(cluster.dsn, "SELECT 1")


def test_a_half_made_cluster_is_made_anew(folder):
    """A crash while the cluster is made leaves nothing that is taken for one."""
    (folder / "pgdata.new").mkdir()
    (folder / "pgdata.new" / "PG_VERSION").write_text("18\n")

    with Cluster.start(folder) as cluster:
        assert 1 == ask(cluster.dsn, "SELECT 1")


def test_a_long_path_gets_a_short_socket(folder):
    """The kernel's limit on socket names does not limit where data may live."""
    deep = folder / ("d" * 60) / ("e" * 60)

    with Cluster.start(deep) as cluster:
        assert 1 == ask(cluster.dsn, "SELECT 1")


def test_loopback_needs_the_password(folder, unused_tcp_port):
    """A port is opened on loopback when asked for, and lets nobody in without it."""
    with Cluster.start(folder, tcp_port=unused_tcp_port) as cluster:
        assert 1 == ask(cluster.tcp_dsn_of(), "SELECT 1")
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(f"postgresql://paycore:x@127.0.0.1:{unused_tcp_port}/paycore", "")


def test_an_unknown_setting_says_why_it_did_not_start(folder):
    """The server's own words are in the error."""
    with pytest.raises(ServerUnavailableError, match="no_such_setting"):
        Cluster.start(folder, settings={"no_such_setting": "1"})


@pytest.mark.skipif(not IS_ROOT, reason="an ordinary user runs the server itself")
def test_root_is_told_where_data_cannot_live(tmp_path):
    """A folder that keeps the server's account out is named, and not made wider."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(ServerUnavailableError, match="data cannot live"):
        Cluster.start(closed / "data")

    assert 0o700 == closed.stat().st_mode & 0o777


@pytest.mark.skipif(not IS_ROOT, reason="an ordinary user reads what it runs")
def test_programs_that_the_account_cannot_read_are_copied(folder, monkeypatch):
    """Where the installation is closed to the account, the server runs on a copy."""
    monkeypatch.setattr("paycore.kernel.postgres_programs.closed_to", lambda *_: folder)

    with Cluster.start(folder) as cluster:
        running = Path(f"/proc/{cluster.pid}/exe").readlink()

        assert running.is_relative_to(folder)
        assert 1 == ask(cluster.dsn, "SELECT 1")


def test_the_first_closed_folder_is_found(folder):
    """The way to a path is looked at from the top, as the account would walk it."""
    stranger = Account(name="stranger", uid=54_321, gid=54_321)
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    folder.chmod(0o711)
    (folder / "a").chmod(0o700)

    assert folder / "a" == closed_to(stranger, inner)


def test_a_named_server_is_used_and_none_is_started(folder):
    """DATABASE_URL wins: nothing is made under the data folder."""
    chosen = postgres.choose("postgresql://elsewhere/paycore", data=folder)

    assert "postgresql://elsewhere/paycore" == chosen.dsn
    assert chosen.cluster is None
    assert [] == list(folder.iterdir())
