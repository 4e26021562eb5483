"""The page of channels is made of what their files declare, and of nothing else."""

from datetime import timedelta, timezone
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

import msgspec

from paycore.cli import channels_page
from paycore.gateway import registry
from paycore.gateway.call import Operation
from paycore.gateway.channel import Channel, StatementChannel
from paycore.kernel.outcome import Blame, Outcome


class Mode(StrEnum):
    """How we speak."""

    TEST = "test"
    LIVE = "live"


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What several would share."""

    merchant: Annotated[str, msgspec.Meta(max_length=15)]
    """Our number there.

    Not for the page.
    """


class Made(Channel, StatementChannel):
    """A channel that declares everything in its own way."""

    code = "made"
    title = "Made up"
    capabilities = frozenset({Operation.ENQUIRE, Operation.DEDUCT})
    currencies = frozenset({"USD", "CNY"})
    acceptance_window = timedelta(minutes=10)
    refunds_once = True
    secret_fields = ("key",)
    statement_zone = timezone(timedelta(hours=8))
    errors: ClassVar = {
        "A|1": (Outcome.DECLINED, Blame.PAYER),
        "DUP": (Outcome.UNKNOWN, None),
    }

    class Config(Named, frozen=True, kw_only=True):
        """Credentials of many forms."""

        key: str
        mode: Mode = Mode.TEST
        kind: Literal["a", "b"] = msgspec.field(default="a", name="type")
        roots: tuple[str, ...] = ()
        names: dict[str, str] = msgspec.field(default_factory=dict)
        within_s: float | None = None
        """How long."""

    async def learn(self, node, account):
        """Nothing, in a way of its own."""


def section(monkeypatch, kind):
    monkeypatch.setattr(registry, "shipped", lambda: [kind])
    page = channels_page.channels()
    return page[page.index("## Made up (`made`)") : page.index("## Carriers")]


def test_what_a_channel_declares_is_on_the_page(monkeypatch):
    """Capabilities, currencies, window, promises, codes and statements, in words."""
    lines = section(monkeypatch, Made).splitlines()

    assert "The page of channels is made of what their files declare" in lines[2]
    for line in (
        "| can | `deduct`, `enquire` |",
        "| currencies | `CNY`, `USD` |",
        "| calls back | no |",
        '| "not found" is final after | 10 minutes |',
        "| a confirm carries the request number of its send | yes |",
        "| a refund it does not know may be sent again under its number | yes |",
        "| statements | one a day, by the clock of UTC+08:00 |",
        "| tells us what to use (`learn`) | yes |",
        "| `A\\|1` | `DECLINED` | payer |",
        "| `DUP` | `UNKNOWN` |  |",
    ):
        assert line in lines


def test_credentials_are_described_field_by_field(monkeypatch):
    """Under the name that JSON has, with form, default, secrecy and docstring; what
    is inherited too.
    """
    lines = section(monkeypatch, Made).splitlines()
    found = [line for line in lines if line.startswith("| `") and "DUP" not in line]

    assert [
        "| `key` | text | required | yes |  |",
        "| `merchant` | text | required | no | Our number there. |",
        '| `mode` | `test` or `live` | `"test"` | no |  |',
        "| `names` | object | `{}` | no |  |",
        "| `roots` | list: text | `[]` | no |  |",
        '| `type` | `a` or `b` | `"a"` | no |  |',
        "| `within_s` | number | none | no | How long. |",
    ] == sorted(found[:-1])


def test_a_plug_in_is_not_on_the_page(monkeypatch):
    """The page is the same wherever it is made: installed channels are not on it."""
    monkeypatch.setattr("paycore.gateway.registry._elsewhere", lambda: [Made])

    assert "Made up" not in channels_page.channels()
