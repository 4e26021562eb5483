"""`paycore prove` as somebody calls it."""

import json

import pytest
from typer.testing import CliRunner

from paycore.cli.main import _app


@pytest.fixture(scope="module")
def call():
    """Call the command with these words."""

    def call(*words):
        return CliRunner().invoke(_app(["prove"]), ["prove", *words])

    return call


def test_it_ends_with_one_line_of_json(call, tmp_path):
    """Its keys are those that CONTRIBUTING.md names; a second call goes on."""
    words = ("--payments", "4", "--processes", "1", "--state", str(tmp_path))
    first = call("--seeds", "1..2", *words)
    second = call("--seeds", "1..3", *words)
    said = json.loads(second.stdout.splitlines()[-1])

    assert (0, 0) == (first.exit_code, second.exit_code)
    assert (3, 0) == (said["seeds"], said["violations"])
    assert {"payments", "faults_exercised", "seconds", "times_real_time"} <= set(said)
    assert 3 == len(next(tmp_path.iterdir()).read_text().splitlines())


@pytest.mark.parametrize(
    "words",
    [
        ("--seeds", "a..b"),
        ("--seeds", "5..1"),
        ("--fault", "F99"),
        ("--fault", "F63"),
        ("--only", "nothing"),
    ],
)
def test_what_cannot_be_proven_is_refused(call, words):
    """With a sentence that says what there is."""
    assert 2 == call(*words).exit_code
