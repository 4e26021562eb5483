"""How the console is built into the package: once, by a Node of ours, or not at all."""

import importlib.util
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

HOOK = Path(__file__).parents[2] / "hatch_build.py"


@pytest.fixture
def hook(tmp_path, monkeypatch):
    """The hook on a folder of its own, where commands are written down, not run."""
    spec = importlib.util.spec_from_file_location("hatch_build", HOOK)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    web, built = tmp_path / "web", tmp_path / "static"
    (web / "node_modules" / "far").mkdir(parents=True)
    built.mkdir()
    (web / "package-lock.json").write_text("{}")
    (web / "index.html").write_text("<!doctype html>")
    monkeypatch.setattr(loaded, "WEB", web)
    monkeypatch.setattr(loaded, "BUILT", built)
    monkeypatch.setattr(loaded, "MADE", web / "node_modules" / ".made")
    monkeypatch.setattr(loaded, "STAMP", built / "built-from.txt")
    monkeypatch.setattr(loaded, "INSTALLED", web / "node_modules" / ".installed-from")
    monkeypatch.setattr(loaded, "ran", [], raising=False)

    def run(command, **_):
        loaded.ran.append(command[2])
        (web / "node_modules" / ".made").mkdir(exist_ok=True)
        return subprocess.CompletedProcess(command, loaded.status, "", loaded.said)

    monkeypatch.setattr(loaded, "status", 0, raising=False)
    monkeypatch.setattr(loaded, "said", "", raising=False)
    monkeypatch.setattr(loaded.subprocess, "run", run)
    monkeypatch.delenv("PAYCORE_SKIP_WEB", raising=False)
    return loaded


def _initialize(hook) -> list[str]:
    """What the hook warns of as a part of building the wheel."""
    warned: list[str] = []
    made = hook.CustomBuildHook.__new__(hook.CustomBuildHook)
    made.__dict__["_BuildHookInterface__app"] = SimpleNamespace(
        display_warning=warned.append
    )
    made.initialize("standard", {})
    return warned


def test_it_is_built_once_and_again_where_something_changed(hook):
    """Packages by their lock, the page by its source; what npm leaves there is none."""
    hook.build()
    assert ["ci", "build"] == hook.ran
    (hook.WEB / "node_modules" / "far" / "new.js").write_text("1")
    hook.build()
    assert ["ci", "build"] == hook.ran
    (hook.WEB / "index.html").write_text("<!doctype html><p>")
    hook.build()
    assert ["ci", "build", "build"] == hook.ran


def test_without_the_network_one_line_says_so_and_the_install_goes_on(hook):
    """The line names what was in the way; nothing is taken for built."""
    hook.status, hook.said = 1, "npm warn x\nnpm error code ENOTFOUND\nnpm error more\n"
    (warned,) = _initialize(hook)

    assert "without" in warned
    assert "ENOTFOUND" in warned
    assert "\n" not in warned
    assert not hook.STAMP.exists()


def test_who_wants_no_console_gets_none(hook, monkeypatch):
    """PAYCORE_SKIP_WEB=1 tries nothing and says nothing."""
    monkeypatch.setenv("PAYCORE_SKIP_WEB", "1")

    assert [] == _initialize(hook)
    assert [] == hook.ran
