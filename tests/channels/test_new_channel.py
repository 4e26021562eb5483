"""`paycore channel new` writes what works as it stands, and over nothing."""

import json
import shutil
from pathlib import Path

import pytest
from packages import SOURCE, ran

from paycore.cli.main import main

LONGEST = "a_code_of_thirty_one_characters"
IN_CHECKOUT = Path("src/paycore/gateway/channels")


@pytest.fixture
def new(tmp_path, monkeypatch, capsys):
    """Call the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["channel", "new", *words])
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def test_a_new_package_passes_all_checks(new, tmp_path):
    """Its own tests, the linter, the formatter and the type checker find nothing,
    though its names are as long as they may be.
    """
    assert 0 == new(LONGEST)[0]
    project = tmp_path / f"paycore-channel-{LONGEST}"
    for command in (
        ("pytest", "-q"),
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("mypy",),
    ):
        checked = ran(*command, within=project)

        assert 0 == checked.returncode, checked.stdout + checked.stderr
        assert "skipped" not in checked.stdout


def test_a_new_channel_of_ours_passes_all_checks(new, tmp_path):
    """In a checkout it is one file among the others: it keeps the rules of the house,
    its test passes, it is listed, and the page of channels has it.
    """
    shutil.copytree(SOURCE, tmp_path / "src")
    shutil.copy(SOURCE.parent / "pyproject.toml", tmp_path)
    assert 0 == new(LONGEST)[0]
    source = str(IN_CHECKOUT / f"{LONGEST}.py")
    here = (tmp_path / "src",)
    checks = (
        ("pytest", "-q", "tests"),
        ("ruff", "check", source, "tests"),
        ("ruff", "format", "--check", source, "tests"),
        ("mypy", source),
    )
    for command in checks:
        checked = ran(*command, within=tmp_path, path=here)

        assert 0 == checked.returncode, checked.stdout + checked.stderr
        assert "skipped" not in checked.stdout
    listed = ran(
        *("paycore", "channels", "drivers", "--json"), within=tmp_path, path=here
    )
    assert LONGEST in {one["driver"] for one in json.loads(listed.stdout)["drivers"]}
    (tmp_path / "docs").mkdir()
    (tmp_path / "deploy").mkdir()
    ran("paycore", "docs", "generate", within=tmp_path, path=here)
    assert f"(`{LONGEST}`)\n" in (tmp_path / "docs/channels.md").read_text("utf-8")


def test_what_was_written_is_said(new, tmp_path):
    """People are told the files and what to do then; programs get them as JSON."""
    code, out, _ = new("acme", "--json")
    told = json.loads(out)
    again = new("other")

    assert (0, "acme") == (code, told["code"])
    assert all((tmp_path / file).is_file() for file in told["files"])
    assert "Next:\ncd paycore-channel-other; pip install" in again[1]


@pytest.mark.parametrize(
    "code",
    ["a", "Acme", "1a", "a-b", "a.b", "../a", "class", "", LONGEST + "x", "acme_"],
)
def test_a_code_that_cannot_be_one_is_refused(new, tmp_path, code):
    """What is no name of a file, a module and a channel at once writes nothing."""
    ended, _, err = new("--", code)

    assert (2, 1) == (ended, len(err.splitlines()))
    assert [] == list(tmp_path.iterdir())


def test_a_code_that_is_taken_is_refused(new, tmp_path):
    """Two channels of one code would stop every node."""
    ended, _, err = new("sms_centre", "--package")

    assert 2 == ended
    assert err.startswith("paycore: A channel has this code already")
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "there",
    [IN_CHECKOUT / "acme.py", Path("tests/channels/recorded/acme/deduct_paid.json")],
)
def test_nothing_is_written_over(new, tmp_path, there):
    """Where one of the files is there, none is written."""
    (tmp_path / IN_CHECKOUT).mkdir(parents=True)
    (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / there).write_text("mine")
    ended, _, err = new("acme")

    assert 2 == ended
    assert f"paycore: {there} is there already; nothing was written.\n" == err
    assert [tmp_path / there] == [p for p in tmp_path.rglob("*") if p.is_file()]


def test_what_cannot_be_written_is_said(new, tmp_path):
    """In one line, as any other refusal: a file where a folder must be, for one."""
    (tmp_path / "paycore-channel-acme").write_text("mine")
    ended, _, err = new("acme")

    assert (2, 1) == (ended, len(err.splitlines()))
    assert err.startswith("paycore: paycore-channel-acme/")
    assert "mine" == (tmp_path / "paycore-channel-acme").read_text()
