"""A run that is interrupted goes on as if it had not been; strikes come from a seed."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from paycore.bench.drills.kill import record as records
from paycore.bench.drills.kill import run as drill
from paycore.bench.drills.kill.answers import Lost
from paycore.bench.drills.kill.compare import Difference
from paycore.bench.drills.kill.record import Record, Round, empty
from paycore.bench.drills.kill.strikes import Kind, draw
from paycore.kernel.errors import Misconfigured

DIFFERENCE = Difference(kind="charged_twice", pay_order_no="1", what="two charges")
LOST = Lost(
    kind="end_lost", pay_order_no="1", what="was SUCCESS", path="/", key="k", at=1.0
)


def a_round(number: int, **given) -> Round:
    """A round in which all was well."""
    made = replace(
        empty(number),
        seconds=60.4,
        kills=25,
        struck={"node": 15, "database": 10, "cut: banks": 3},
        payments=400,
        statuses={"SUCCESS": 300, "FAIL": 60, "CLOSED": 40},
        converted=100,
        answers=2000,
        repeated=900,
        calls=3000,
        errors=500,
        quiet_s=12.5,
        cases={"CHANNEL_ALARM": 2},
    )
    return replace(made, **given)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the run is on record."""
    return tmp_path / "kill" / "rounds.jsonl"


def test_a_run_adds_up_over_an_interruption(path: Path):
    """Begun, two rounds, interrupted, two more: the tally is that of four, one seed."""
    begun = Record.begin(path, seed=7, payers=24)
    for number in (1, 2):
        begun.add(a_round(number))

    resumed = Record.resume(path, payers=24)
    for number in (3, 4):
        resumed.add(a_round(number))

    assert (7, 100, 1600) == (resumed.seed, resumed.kills, resumed.sum("payments"))
    assert {"node": 60, "database": 40, "cut: banks": 12} == resumed.total("struck")
    assert resumed.rounds == Record.resume(path, payers=24).rounds


def test_a_round_throws_the_same_dice_whenever_it_is_made(path: Path):
    """An interrupted round is made again as it was; no other round is like it."""
    begun = Record.begin(path, seed=7, payers=24)
    begun.add(a_round(1))
    second = begun.dice("strikes").random()

    resumed = Record.resume(path, payers=24)

    assert 2 == resumed.next_number
    assert second == resumed.dice("strikes").random()
    assert second != resumed.dice("payer 1").random()
    resumed.add(a_round(2))
    assert second != resumed.dice("strikes").random()
    assert second != Record.begin(path, seed=8, payers=24).dice("strikes").random()


def test_a_line_that_was_being_written_is_nobodys(path: Path):
    """What a death left half a line of is cut off, and the round is made again."""
    begun = Record.begin(path, seed=7, payers=24)
    begun.add(a_round(1))
    with path.open("ab") as file:
        file.write(b'{"type":"round","number":2,"sec')

    resumed = Record.resume(path, payers=24)
    resumed.add(a_round(2))

    assert [1, 2] == [each.number for each in Record.resume(path, payers=24).rounds]


def test_a_new_run_keeps_the_file_of_the_one_before(path: Path):
    """Who forgets to resume loses nothing."""
    Record.begin(path, seed=7, payers=24).add(a_round(1))

    fresh = Record.begin(path, seed=8, payers=24)

    assert 0 == fresh.kills
    assert 25 == Record.resume(path.with_name(f"{path.name}.before"), payers=24).kills


@pytest.mark.parametrize("content", [b"", b"{}\n", b"not a record\n", None], ids=str)
def test_what_is_no_record_is_refused(path: Path, content: bytes | None):
    """In one line, and before anything is started."""
    if content is not None:
        path.parent.mkdir()
        path.write_bytes(content)

    with pytest.raises(Misconfigured, match=r"rounds\.jsonl"):
        Record.resume(path, payers=24)


@pytest.mark.parametrize(
    "wrong", [{"differences": [DIFFERENCE]}, {"lost": [LOST]}], ids=str
)
def test_one_thing_in_one_round_breaks_the_whole_run(path: Path, wrong):
    """Found before an interruption, it still counts after it."""
    record = Record.begin(path, seed=7, payers=24)
    record.add(a_round(1, **wrong))
    assert not drill.document(record)["holds"]

    record = Record.resume(path, payers=24)
    record.add(a_round(2))
    said = drill.document(record)

    assert not said["holds"]
    assert 1 == said["differences"] + said["lost_answers"]


def test_a_run_in_which_all_was_well_holds(path: Path):
    """The line of JSON: counts are plain numbers, kinds have one each."""
    record = Record.begin(path, seed=7, payers=24)
    for number in (1, 2):
        record.add(a_round(number))

    said = drill.document(record)

    assert said["holds"]
    assert (50, 800, 0, 0) == tuple(
        said[key] for key in ("kills", "payments", "differences", "lost_answers")
    )
    assert {"node": 30, "database": 20, "cut: banks": 6} == said["kinds"]
    assert (7, 121, 2) == (said["seed"], said["seconds"], said["rounds"])


def test_a_run_of_other_code_is_not_gone_on_with(path: Path, monkeypatch):
    """Half of it would be said of one code and half of another; it says what to do."""
    Record.begin(path, seed=7, payers=24).add(a_round(1))
    monkeypatch.setattr(records, "code", lambda: "other")

    with pytest.raises(Misconfigured, match="begin a new run, without --resume"):
        Record.resume(path, payers=24)


def test_a_run_with_other_payers_is_not_gone_on_with(path: Path):
    """Their dice would be thrown by others; it says which option is missing."""
    Record.begin(path, seed=7, payers=5).add(a_round(1))

    with pytest.raises(Misconfigured, match="go on with --payers 5"):
        Record.resume(path, payers=24)


def test_two_runs_do_not_append_to_one_record(path: Path):
    """The second is refused, before it has begun; when the first is over it may."""
    with (
        records.held(path),
        pytest.raises(Misconfigured, match="another run appends"),
        records.held(path),
    ):
        pass
    with records.held(path):
        pass


@pytest.mark.parametrize(
    "nothing", [{"statuses": {"FAIL": 400}}, {"converted": 0}], ids=str
)
def test_a_run_in_which_nothing_was_paid_or_converted_does_not_hold(path, nothing):
    """Nobody who pays, or no conversion: then nothing of it was shown."""
    record = Record.begin(path, seed=7, payers=24)
    record.add(a_round(1, **nothing))

    assert not drill.document(record)["holds"]
    assert "shows nothing" in drill.table(record).caption

    record.add(a_round(2))
    assert drill.document(record)["holds"]


def test_the_same_seed_draws_the_same_strikes():
    """Kinds, places and pauses, however often they are drawn."""
    one, other = Random("1/1/strikes"), Random("1/1/strikes")

    assert [draw(one) for _ in range(200)] == [draw(other) for _ in range(200)]


def test_every_kind_is_drawn_and_none_reaches_past_a_banks_promise():
    """Late is at most a few seconds: "not found" is final after ten."""
    dice = Random(1)
    drawn = [draw(dice) for _ in range(2000)]

    assert set(Kind) == {each.kind for each in drawn}
    assert 4 == len({each.network for each in drawn})
    assert Counter(each.place for each in drawn).keys() == {0, 1}
    late_s = [
        each.lasts_s + each.there_s for each in drawn if each.network != "database"
    ]
    assert max(late_s) < 8
