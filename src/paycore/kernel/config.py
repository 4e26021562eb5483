"""The settings of a node, each declared once: type, bounds, default, one sentence.

They come from the environment (`PAYCORE_PORT=8000`; `DATABASE_URL` has its usual name)
or from the TOML file that `PAYCORE_SETTINGS_FILE` names (`port = 8000`); the
environment wins. What is wrong or unknown is refused by its name before anything
starts, and its value is not repeated. docs/settings.md is made of `describe()`.
What can change while nodes run (channels, routes, keys of business lines) is in the
database, not here.
"""

import platform
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, cast
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, inspect

from paycore.kernel.config_coupon import CouponSettings
from paycore.kernel.config_keys import PREFIX, fresh_keys, key_of, ring_file, ring_of
from paycore.kernel.config_texts import NO_LIMIT, Seconds
from paycore.kernel.described import (
    Amounts,
    annotations_of,
    description,
    fields_of,
    form,
    is_secret,
    shown,
)
from paycore.kernel.errors import Misconfigured

FILE = "PAYCORE_SETTINGS_FILE"

OTHER_PROGRAMS = frozenset({FILE, "PAYCORE_SKIP_WEB"})
"""Names with our prefix that are not settings of a node."""

UNLIMITED = 1_000_000
"""What dev raises the limits per phone and card to: every test uses the same card."""

Role = Literal["api", "worker", "all"]

Count = Annotated[int, Meta(ge=1, le=UNLIMITED)]
Days = Annotated[int, Meta(ge=1, le=9_000)]
Months = Annotated[int, Meta(ge=30, le=9_000)]
"""Days, and so many at least: what goes by the month may still be asked after."""


class Settings(CouponSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a node is told at its start."""

    # Where it lives
    database_url: Annotated[
        str | None,
        Meta(
            description="PostgreSQL to use; without it one is started under data_dir.",
            extra={"secret": True},
        ),
    ] = None
    data_dir: Annotated[
        str, Meta(min_length=1, description="Folder of our own PostgreSQL.")
    ] = ".paycore"
    host: Annotated[
        str, Meta(min_length=1, description="Address that the API listens on.")
    ] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65_535, description="Port of the API; 0 takes a free one.")
    ] = 8000
    role: Annotated[
        Role, Meta(description="What this process does: answer, work, or both.")
    ] = "all"
    node_name: Annotated[
        str, Meta(max_length=64, description="Its name in logs and on the console.")
    ] = ""
    public_url: Annotated[
        str, Meta(description="Where channels reach us: base of the callback URLs.")
    ] = ""
    connections: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000,
            description="Connections of callers at most; the next one is told 503.",
        ),
    ] = 800
    database_connections: Annotated[
        int, Meta(ge=1, le=500, description="Connections to the database at most.")
    ] = 10
    drain_s: Annotated[
        Seconds, Meta(description="How long a stopping node finishes what it began.")
    ] = 30
    unready_s: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="How long a stopping node says that it is not ready before it"
            " accepts no more: what a load balancer needs to hear of it.",
        ),
    ] = 3

    # Keys
    key_ring: Annotated[
        str,
        Meta(
            description="AES-256 keys as id:base64, separated by commas, the active"
            " one first; or the path of a file that holds them.",
            extra={"secret": True},
        ),
    ]
    code_key: Annotated[
        str,
        Meta(
            description="Key (base64) of the hashes of SMS codes.",
            extra={"secret": True},
        ),
    ]
    search_key: Annotated[
        str,
        Meta(
            description="Key (base64) of the hashes that card numbers are found by, and"
            " that repeats under an idempotency key are told by.",
            extra={"secret": True},
        ),
    ]

    # What it lets through, what it says
    allow_private_endpoints: Annotated[
        bool, Meta(description="Send notices to private addresses: development only.")
    ] = False
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least severe line that is logged."),
    ] = "info"
    log_format: Annotated[
        Literal["json", "console"], Meta(description="One JSON object a line, or text.")
    ] = "json"

    traces: Annotated[
        Literal["off", "console", "otlp"],
        Meta(description="Where traces go; needs `pip install 'paycore[otel]'`."),
    ] = "off"
    traces_url: Annotated[
        str,
        Meta(description="Where OTLP over HTTP is taken, for example a collector."),
    ] = ""

    # SMS codes
    code_digits: Annotated[int, Meta(ge=6, le=8, description="Digits of a code.")] = 6
    code_lifetime_s: Annotated[
        int, Meta(ge=30, le=600, description="How long a code is good for.")
    ] = 300
    code_tries: Annotated[
        int, Meta(ge=1, le=10, description="Wrong tries that lock a code.")
    ] = 5
    code_tries_per_payment: Annotated[
        int, Meta(ge=1, le=100, description="Wrong tries that lock its codes.")
    ] = 10
    code_wrong_per_card_day: Annotated[
        Count,
        Meta(
            description="Wrong tries with one card a day, and with one phone's codes."
        ),
    ] = 20
    code_gap_s: Annotated[
        int, Meta(ge=0, le=600, description="Time between codes the payer asks for.")
    ] = 60
    code_per_phone_hour: Annotated[
        Count, Meta(description="Codes to one phone an hour.")
    ] = 20
    code_per_phone_day: Annotated[
        Count, Meta(description="Codes to one phone a day.")
    ] = 50

    # How long a call may take, as a whole
    send_code_timeout_s: Annotated[
        Seconds, Meta(description="Asking a channel to send its code.")
    ] = 3
    sms_timeout_s: Annotated[
        Seconds, Meta(description="Sending a text through a carrier.")
    ] = 3
    money_timeout_s: Annotated[
        Seconds, Meta(description="Taking or giving back money.")
    ] = 10
    enquiry_timeout_s: Annotated[
        Seconds, Meta(description="Asking a channel what became of a request.")
    ] = 5
    connect_timeout_s: Annotated[
        Seconds, Meta(description="Reaching the other side at all.")
    ] = 1
    answer_within_s: Annotated[
        Seconds, Meta(description="The API answers by then, if need be DOING.")
    ] = 15

    # The breaker, per account and operation
    breaker_calls: Annotated[
        Count, Meta(description="Calls in the window before it may open.")
    ] = 10
    breaker_failure_percent: Annotated[
        int, Meta(ge=1, le=100, description="Share of failures that opens it.")
    ] = 50
    breaker_window_s: Annotated[
        Seconds, Meta(description="The window that is looked at.")
    ] = 30
    breaker_half_open_s: Annotated[
        Seconds, Meta(description="After so long one call is let through.")
    ] = 5

    # Nodes and orders
    heartbeat_s: Annotated[
        Seconds, Meta(description="How often a node renews its life.")
    ] = 2
    lease_s: Annotated[
        Seconds, Meta(description="A node that was silent so long is dead.")
    ] = 6
    expires_in_s: Annotated[
        int,
        Meta(ge=60, le=86_400, description="How long an order may wait for its payer."),
    ] = 900
    return_late_money: Annotated[
        bool,
        Meta(description="Late money goes back by itself; false: a person sends it."),
    ] = True

    deduct_tries: Annotated[
        int, Meta(ge=1, le=9, description="Channels one deduction may be tried at.")
    ] = 3

    # The auditor
    audit_every_s: Annotated[
        float,
        Meta(
            ge=0,
            le=86_400,
            description="How often one of the working nodes audits; 0: never.",
        ),
    ] = 300
    audit_window_s: Annotated[
        float,
        Meta(
            ge=60,
            le=31_622_400,
            description="How far back an audit looks at every payment; at open ones it"
            " always looks.",
        ),
    ] = 86_400

    # Reconciliation and the exception desk
    recon_hour: Annotated[
        int,
        Meta(
            ge=-1,
            le=23,
            description="From which hour of the day (UTC) on a working node asks for"
            " yesterday's statements and reconciles them; -1: never by itself.",
        ),
    ] = 2
    recon_late_days: Annotated[
        int,
        Meta(
            ge=1,
            le=30,
            description="A statement that is not there so many days after its own is"
            " a case on the exception desk.",
        ),
    ] = 2
    channels_hour: Annotated[
        int,
        Meta(
            ge=-1,
            le=23,
            description="From which hour of the day (UTC) on a working node asks the"
            " channels for what they want used, as a newer certificate; -1: never by"
            " itself.",
        ),
    ] = 1
    desk_second_above: Annotated[
        Amounts,
        Meta(description="Cures of more need a second person: CNY:100000,USD:2000."),
    ] = ""

    # How long things are kept that go by their age
    retention_hour: Annotated[
        int,
        Meta(
            ge=-1,
            le=23,
            description="From which hour of the day (UTC) on a working node takes away"
            " what is old; -1: never by itself.",
        ),
    ] = 19
    keep_messages_days: Annotated[
        Months, Meta(description="Messages to and from channels, masked.")
    ] = 400
    keep_decisions_days: Annotated[
        Months, Meta(description="Decisions of the router, with what was weighed.")
    ] = 400
    keep_steps_days: Annotated[
        Months, Meta(description="The commands that were run for each payment.")
    ] = 400
    keep_codes_days: Annotated[
        Months, Meta(description="SMS codes, as keyed hashes.")
    ] = 180
    keep_changes_days: Annotated[Days, Meta(description="Ids of written changes.")] = 7
    keep_revoked_cards_days: Annotated[
        Days,
        Meta(
            description="Number, holder and phone of a card that was revoked or never"
            " signed."
        ),
    ] = 180

    @classmethod
    def for_dev(cls, **overrides: object) -> Self:
        """Settings for development and tests: fresh keys, no limits per phone or card.

        A folder that is used again needs the keys of its first time: pass them.
        """
        given: dict[str, object] = {
            **fresh_keys(),
            "allow_private_endpoints": True,
            "unready_s": 0,
            # A sandbox's yesterday is nobody's: `paycore recon run` asks for it.
            "recon_hour": -1,
            "cutoff_hour": -1,
            "log_format": "console",
            "code_wrong_per_card_day": UNLIMITED,
            "code_per_phone_hour": UNLIMITED,
            "code_per_phone_day": UNLIMITED,
            "code_per_payer_hour": NO_LIMIT,
            "code_by_bank_per_payer_hour": NO_LIMIT,
            "code_per_caller_hour": NO_LIMIT,
            "code_per_line_day": NO_LIMIT,
            "code_per_day": NO_LIMIT,
            "sms_price": 0,
            **overrides,
        }
        return cast("Self", _checked({k: v for k, v in given.items() if v is not None}))

    @property
    def ring_keys(self) -> Mapping[str, bytes]:
        """The key ring's keys by id, the active one first."""
        return ring_of(self.key_ring)

    @property
    def code_key_octets(self) -> bytes:
        """The key of the hashes of SMS codes."""
        return key_of("code_key", self.code_key)

    @property
    def search_key_octets(self) -> bytes:
        """The key of the hashes that card numbers are found by."""
        return key_of("search_key", self.search_key)

    def __repr__(self) -> str:
        """Show no secret: a repr ends up in logs."""
        shown = (
            f"{name}={'***' if secret else repr(getattr(self, name))}"
            for name, secret in ((f.name, is_secret(f)) for f in fields_of(Settings))
        )
        return f"Settings({', '.join(shown)})"


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """One row of docs/settings.md."""

    name: str
    variable: str
    form: str
    default: str
    secret: bool
    description: str


# --- reading --------------------------------------------------------------------------


def load(environ: Mapping[str, str], file: Path | None = None) -> Settings:
    """Read the settings, or raise Misconfigured naming all that is wrong."""
    named = file or (Path(environ[FILE]) if environ.get(FILE) else None)
    given: dict[str, object] = {} if named is None else _from_file(named)
    given |= _from_environment(environ)
    return _checked(given)


def describe() -> list[Described]:
    """Every setting, in the order of its declaration."""
    return [
        Described(
            name=field.name,
            variable=_variable(field.name),
            form=form(field.type),
            default="required" if field.required else shown(field.default),
            secret=is_secret(field),
            description=description(field),
        )
        for field in fields_of(Settings)
    ]


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    known = {_variable(field.name): field.name for field in fields_of(Settings)}
    unknown = sorted(
        name
        for name in environ
        if name.startswith(PREFIX) and name not in known.keys() | OTHER_PROGRAMS
    )
    if unknown:
        raise Misconfigured(f"unknown settings: {', '.join(unknown)}")
    return {
        name: environ[variable]
        for variable, name in known.items()
        if environ.get(variable)
    }


def _from_file(file: Path) -> dict[str, object]:
    try:
        given: dict[str, object] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"the settings file {file} cannot be read") from error
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"the settings file {file} is not TOML") from error
    unknown = given.keys() - {field.name for field in fields_of(Settings)}
    if unknown:
        raise Misconfigured(f"unknown settings in {file}: {', '.join(sorted(unknown))}")
    return given


def _checked(given: Mapping[str, object]) -> Settings:
    """Make the settings, or name every one that is wrong or missing."""
    known = {field.name for field in fields_of(Settings)}
    wrong = [
        f"{_variable(field.name)} must be {form(field.type)}"
        for field in fields_of(Settings)
        if field.name in given and not _fits(field, given[field.name])
    ]
    wrong += [
        f"{_variable(field.name)} is missing"
        for field in fields_of(Settings)
        if field.required and field.name not in given
    ]
    wrong += sorted(f"there is no setting {n}" for n in given.keys() - known)
    if wrong:
        raise Misconfigured("; ".join(wrong))
    settings = msgspec.convert(_filled(given), Settings, strict=False)
    if wrong := list(_contradictions(settings)):
        raise Misconfigured("; ".join(wrong))
    return settings


def _fits(field: inspect.Field, value: object) -> bool:
    try:
        msgspec.convert(value, annotations_of(Settings)[field.name], strict=False)
    except msgspec.ValidationError:
        return False
    return True


def _filled(given: Mapping[str, object]) -> dict[str, object]:
    """Put in what follows from the machine, and what a file holds."""
    filled = dict(given)
    ring = str(filled["key_ring"]).strip()
    if ring.startswith(("/", ".")):
        filled["key_ring"] = ring_file(Path(ring))
    filled.setdefault("node_name", platform.node()[:64] or "node")
    return filled


def _contradictions(settings: Settings) -> Iterator[str]:
    """What no single setting shows."""
    for read in (
        lambda: settings.ring_keys,
        lambda: settings.code_key_octets,
        lambda: settings.search_key_octets,
        lambda: settings.ledger_url and settings.ledger_key,
        lambda: settings.coupon_url and settings.coupon_key,
        lambda: settings.proxies,
    ):
        try:
            read()
        except Misconfigured as error:
            yield str(error)
    if settings.lease_s < 2 * settings.heartbeat_s:
        yield "PAYCORE_LEASE_S must be at least twice PAYCORE_HEARTBEAT_S"
    if settings.unready_s > settings.drain_s / 2:
        yield "PAYCORE_UNREADY_S must be at most half of PAYCORE_DRAIN_S"
    for name in ("public_url", "checkout_url", "ledger_url", "coupon_url"):
        url = getattr(settings, name)
        if url and urlsplit(url).scheme not in _WEB:
            yield f"{_variable(name)} must begin with http:// or https://"


_WEB = ("http", "https")


def _variable(name: str) -> str:
    return "DATABASE_URL" if name == "database_url" else PREFIX + name.upper()
