"""What is wrong with a round itself is found, each time, and stays found."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from random import Random
from types import SimpleNamespace

import a_town
import pytest
from msgspec.structs import replace
from rich.console import Console
from rich.progress import Progress

from paycore.bench.drills.kill import logs
from paycore.bench.drills.kill import round as rounds
from paycore.bench.drills.kill import run as drill
from paycore.bench.drills.kill.auditing import UNANSWERED
from paycore.bench.drills.kill.compare import Difference
from paycore.bench.drills.kill.record import Record, Round, empty
from paycore.bench.drills.kill.round import Brief, Cast
from paycore.kernel.errors import Misconfigured
from paycore.prove import listening


@pytest.fixture
def cast(tmp_path: Path) -> Cast:
    """Parts of which nothing runs, with one place and its log."""
    (tmp_path / "node-0.log").touch()
    parts = SimpleNamespace(
        on=SimpleNamespace(data=tmp_path),
        places=[SimpleNamespace(number=0)],
        died_alone=[],
    )
    return Cast(parts=parts, purses=[], wallets={}, api_keys={})


def brief(tmp_path: Path) -> Brief:
    """What is asked of a round here."""
    return Brief(
        number=3,
        kills=1,
        dice=Random,
        progress=lambda *_: None,
        tell=lambda _: None,
        stories=tmp_path / "stories",
    )


def play(cast: Cast, tmp_path: Path, monkeypatch, error: BaseException) -> Round:
    """A round whose load ends with an error."""

    async def load(_: object) -> None:
        raise error

    monkeypatch.setattr(rounds._Round, "_load", load)
    return asyncio.run(rounds.play(cast, brief(tmp_path)))


def test_a_round_that_breaks_is_a_difference(cast: Cast, tmp_path: Path, monkeypatch):
    """It says where what it left is kept, and goes on record like any other."""
    done = play(cast, tmp_path, monkeypatch, TimeoutError("a node does not come back"))

    (found,) = done.differences
    assert done.broke
    assert "round_broke" == found.kind
    assert "a node does not come back" in found.what
    assert str(tmp_path) in found.what
    kept = tmp_path / "stories" / "round-003"
    assert "TimeoutError" in (kept / "broke.txt").read_text()
    assert (kept / "node-0.log").exists()


def test_an_interrupted_round_is_no_finding(cast: Cast, tmp_path: Path, monkeypatch):
    """Who stops the drill has broken nothing: the round is made again."""
    with pytest.raises(asyncio.CancelledError):
        play(cast, tmp_path, monkeypatch, asyncio.CancelledError())


@pytest.mark.parametrize("kinds", [["round_broke"], []], ids=("broke", "whole"))
def test_what_a_broken_round_left_is_kept(tmp_path: Path, monkeypatch, kinds):
    """Its ground stays where it is, and the run ends; any other ground is removed."""
    folder, broke = tmp_path / "ground", bool(kinds)
    made = [Difference(kind=kind, pay_order_no=None, what="broke") for kind in kinds]

    def on_ground(self: drill._Run) -> None:
        done = play_nothing(self.record.next_number)
        done.differences.extend(made)
        self.record.add(done)

    def fresh(_: str) -> Path:
        folder.mkdir(exist_ok=True)
        return folder

    monkeypatch.setattr(drill, "fresh_folder", fresh)
    monkeypatch.setattr(drill._Run, "_on", lambda run, _: on_ground(run))
    asked = drill.Asked(kills=2, state=tmp_path / "rounds.jsonl")
    progress = SimpleNamespace(
        add_task=lambda *_, **__: 0, update=lambda *_, **__: None
    )

    record = drill.run(asked, progress)

    assert broke == folder.exists()
    assert (1 if broke else 2) == len(record.rounds)
    assert broke == Record.resume(asked.state, payers=asked.payers).rounds[0].broke


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (TimeoutError("a node does not start"), ["round_broke"]),
        (Misconfigured("there is no PostgreSQL"), []),
    ],
    ids=("breaks", "cannot"),
)
def test_what_breaks_between_rounds_is_on_record(
    tmp_path: Path, monkeypatch, error, found
):
    """Nodes that do not start on a new ground; a machine that lacks something is told
    of, and nothing more.
    """

    def on_ground(_: drill._Run, __: Path) -> None:
        raise error

    monkeypatch.setattr(drill._Run, "_on", on_ground)
    monkeypatch.setattr(drill, "fresh_folder", lambda _: tmp_path / "ground")
    asked = drill.Asked(kills=2, state=tmp_path / "rounds.jsonl")
    with Progress(console=Console(quiet=True)) as progress, suppress(Misconfigured):
        drill.run(asked, progress)

    rounds_ = Record.resume(asked.state, payers=asked.payers).rounds
    assert found == [each.kind for done in rounds_ for each in done.differences]


def play_nothing(number: int) -> Round:
    """A round with one kill, in which all was well."""
    return replace(
        empty(number),
        seconds=1.0,
        kills=1,
        payments=1,
        statuses={"SUCCESS": 1},
        converted=1,
        answers=1,
        repeated=1,
        calls=1,
        quiet_s=1.0,
    )


def judged(cast: Cast, tmp_path: Path, found: list[Difference]) -> list[str]:
    """The kinds that a round on these parts is found with."""
    round_ = rounds._Round(cast=cast, brief=brief(tmp_path))
    round_.bugs_before = 0
    round_._look_round(a_town.facts())
    round_._judge(a_town.facts(), found)
    return [each.kind for each in round_.differences]


def test_what_happens_again_counts_again(cast: Cast, tmp_path: Path):
    """One process ended in each of two rounds, in the same words; an audit was not
    answered in both; what stands in rows is found once.
    """
    rows = Difference(kind="balance", pay_order_no=None, what="off by one")
    audit = Difference(kind=UNANSWERED, pay_order_no=None, what="no audit")

    cast.parts.died_alone = ["node 1 ended"]
    first = judged(cast, tmp_path, [rows, audit])
    cast.parts.died_alone = ["node 1 ended"]
    second = judged(cast, tmp_path, [rows, audit])

    assert ["balance", UNANSWERED, "died_alone"] == first
    assert [UNANSWERED, "died_alone"] == second


def logged(**line: object) -> bytes:
    """A line of a node's log."""
    return json.dumps({"level": "error", **line}).encode() + b"\n"


def test_a_bug_that_a_node_reports_is_a_difference(cast: Cast, tmp_path: Path):
    """A loop that stumbled and a request that ended in 500; once each, and again in the
    next round only where they were logged again.
    """
    log = tmp_path / "node-0.log"
    error = "Traceback\n  File\nKeyError: 'x'"
    log.write_bytes(
        logged(event="loop_failed", loop="checker", exception=error) * 2
        + logged(event="request_failed", call="/v1/payments", pay_order_no="1")
        + logged(event="carrier_not_opened")
        + b'{"event": "loop_failed", "level": "info"}\n'
    )

    first, second = judged(cast, tmp_path, []), judged(cast, tmp_path, [])

    assert ["logged_loop_failed", "logged_request_failed"] == first
    assert [] == second


def test_a_bug_is_told_with_its_error_and_how_often():
    """Two of one kind are one difference that says so."""
    line = logged(event="look_failed", pay_order_no="1", exception="a\nKeyError: 'x'")

    (found,) = logs.bugs([*logs.error_in(line), *logs.error_in(line)])

    assert "1" == found.pay_order_no
    assert "look_failed: KeyError: 'x', 2 times in the log" == found.what


def test_what_is_a_bug_to_the_simulator_is_one_here():
    """One list, kept in two places that may not import one another."""
    assert listening.BUGS | {"request_failed"} == logs.BUGS


def test_a_parked_notice_is_found_before_it_is_sent_again(
    cast: Cast, tmp_path: Path, monkeypatch
):
    """Once, however often quiet looks; and it is sent all the same."""

    async def parked(_: object) -> list[tuple[str, str, str]]:
        return [("1", "msg_1", "HTTP 410")]

    monkeypatch.setattr(rounds.queries, "parked", parked)
    round_ = rounds._Round(cast=cast, brief=brief(tmp_path))

    for _ in range(2):
        again = asyncio.run(round_._parked(SimpleNamespace(pool=None)))

    assert [("1", "msg_1")] == again
    assert [("notice_parked", "1")] == [
        (each.kind, each.pay_order_no) for each in round_.differences
    ]
