"""`paycore bench` says what is wrong with what it was given before it starts."""

import pytest

from paycore.cli.main import main


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--concurrency", "1,x"], "numbers, separated by commas"),
        (["--concurrency", "0"], "1 to 512 payers at once"),
        (["--rounds", "3", "check"], "write its options after it"),
    ],
)
def test_a_wrong_option_is_refused_with_what_to_do(capsys, monkeypatch, given, said):
    """One sentence, status 2, and nothing was started."""
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as ended:
        main(["bench", *given])

    assert 2 == ended.value.code
    assert said in capsys.readouterr().err


def test_a_check_without_a_kept_run_says_how_to_keep_one(capsys, tmp_path):
    """It does not measure for minutes first."""
    with pytest.raises(SystemExit) as ended:
        main(["bench", "check", str(tmp_path / "none.json")])

    assert 1 == ended.value.code
    assert "`make bench` keeps some" in capsys.readouterr().err
