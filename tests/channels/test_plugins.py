"""Channels and carriers of other packages: those that are broken stop the start."""

from pathlib import Path

import pytest
from packages import installed, ran

from paycore.gateway.registry import Registry
from paycore.kernel.config_keys import fresh_keys
from paycore.kernel.errors import Misconfigured
from paycore.sms.registry import drivers

CHANNELS, CARRIERS = "paycore.channels", "paycore.carriers"
FIND = {CHANNELS: Registry, CARRIERS: drivers}

BROKEN = {
    "raises": ("raise OSError('no such\\ncertificate')", "OSError: no such"),
    "leaves": ("raise SystemExit(0)", "SystemExit: 0"),
    "syntax": ("def", "SyntaxError: "),
    "nothing": ("", "AttributeError: "),
    "number": ("Offered = 7", "it names no class of "),
    "class": ("class Offered: pass", "it names no class of "),
}


@pytest.mark.parametrize("group", FIND)
@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_plug_in_is_named(tmp_path, monkeypatch, group, what):
    """Whatever is wrong with somebody else's file is one line: which, whose, why."""
    source, why = BROKEN[what]
    module = f"broken_{group[-8:-1]}_{what}"
    (tmp_path / f"{module}.py").write_text(source)
    installed(tmp_path, "their-package", {group: {"theirs": f"{module}:Offered"}})
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(Misconfigured) as refused:
        FIND[group]()

    told = str(refused.value)
    assert told.startswith(
        f"the plug-in 'theirs' of {group} ({module}:Offered, in the package "
        f"their-package) cannot be used: {why}"
    )
    assert 1 == len(told.splitlines())


HALF = """
from paycore.gateway.channel import Channel
from paycore.sms.carrier import Carrier

class HalfChannel(Channel):
    code, title = "half", "Half"
    def scrub(self, text): return ""

class HalfCarrier(Carrier):
    code, title = "half", "Half"
    def scrub(self, text): return ""
"""


@pytest.mark.parametrize(
    ("group", "name", "lacks"),
    [
        (
            CHANNELS,
            "HalfChannel",
            "Config, acceptance_window, assemble, capabilities, read",
        ),
        (CARRIERS, "HalfCarrier", "Config, deliver, masked"),
    ],
)
def test_what_a_plug_in_leaves_out_is_named(tmp_path, monkeypatch, group, name, lacks):
    """A class without a verb or a declaration that all have is refused, with its
    name.
    """
    (tmp_path / "half_written.py").write_text(HALF)
    installed(tmp_path, "their-package", {group: {"half": f"half_written:{name}"}})
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(Misconfigured, match=f": {name} lacks {lacks};"):
        FIND[group]()


TWICE = """
from paycore.gateway.channels.sandbox import Sandbox
from paycore.sms.carriers.sandbox import SandboxCarrier

class Again(Sandbox): ...
class AgainCarrier(SandboxCarrier): ...
"""


@pytest.mark.parametrize(
    ("group", "name"), [(CHANNELS, "Again"), (CARRIERS, "AgainCarrier")]
)
def test_a_code_that_is_taken_is_refused(tmp_path, monkeypatch, group, name):
    """Two files of one code are refused, and both are named: money would go by
    either.
    """
    (tmp_path / "the_same_again.py").write_text(TWICE)
    installed(tmp_path, "their-package", {group: {"again": f"the_same_again:{name}"}})
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(Misconfigured, match=r"'sandbox': paycore\..+ and the_same"):
        FIND[group]()


@pytest.mark.parametrize("group", FIND)
def test_a_node_does_not_start_without_a_channel(tmp_path: Path, dsn: str, group):
    """A node is refused in one line rather than run with a channel fewer, though no
    account uses it.
    """
    (tmp_path / "broken_at_start.py").write_text("import no_such_module_anywhere")
    installed(tmp_path, "their-package", {group: {"theirs": "broken_at_start:It"}})
    keys = {f"PAYCORE_{name.upper()}": key for name, key in fresh_keys().items()}
    serve = ran(
        *("paycore", "serve", "--port", "0"),
        within=tmp_path,
        path=(tmp_path,),
        environ={"DATABASE_URL": dsn, **keys},
    )
    listed = ran("paycore", "channels", "drivers", within=tmp_path, path=(tmp_path,))

    for said in (serve, listed):
        assert 1 == said.returncode
        told = [line for line in said.stderr.splitlines() if "{" not in line]
        assert 1 == len(told)
        assert told[0].startswith(f"paycore: the plug-in 'theirs' of {group} (")
        assert "ModuleNotFoundError: No module named 'no_such_module" in told[0]
