"""docs/channels.md: every channel and carrier file, by what it declares; no command
itself.

Only the files of this package are on it: a page of what else is installed would differ
from machine to machine (`paycore channels drivers` lists that).
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect as forms

from paycore.cli.markdown import a_page, a_table, as_code, first_sentence, notes_of

if TYPE_CHECKING:
    from paycore.gateway.channel import Channel
    from paycore.sms.carrier import Carrier

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))

_PLAIN: Mapping[type[forms.Type], str] = MappingProxyType(
    {
        forms.StrType: "text",
        forms.IntType: "whole number",
        forms.FloatType: "number",
        forms.BoolType: "yes or no",
        forms.DictType: "object",
        forms.StructType: "object",
    }
)
"""What JSON calls otherwise, or nothing that people would."""


def channels() -> str:
    """What each channel and each carrier can do, and what it needs."""
    from paycore.gateway import registry
    from paycore.sms import registry as carriers

    return a_page(
        "Channels",
        "With this page you can see what each channel and each carrier can do, what "
        "its account needs, and what its codes mean to us.",
        "Each is one file, in `src/paycore/gateway/channels/` or "
        "`src/paycore/sms/carriers/`; [Add a channel](add-a-channel.md) says how one "
        "more is written.\n"
        "Credentials are given as a JSON object of the fields below, and kept sealed.\n"
        "A code that is not listed is `UNKNOWN`: it is asked after, never guessed.",
        *map(_channel, sorted(registry.shipped(), key=lambda kind: kind.code)),
        "## Carriers",
        "They text for the SMS centre; [carriers.md](carriers.md) says how each is set "
        "up.",
        *map(_carrier, sorted(carriers.shipped(), key=lambda kind: kind.code)),
    )


def _channel(kind: "type[Channel]") -> str:
    from paycore.gateway.channel import Channel, StatementChannel

    statements = "none"
    if issubclass(kind, StatementChannel):
        statements = f"one a day, by the clock of {kind.statement_zone}"
    facts = (
        ("can", _in_order(kind.capabilities)),
        ("currencies", _in_order(kind.currencies) or "any"),
        ("calls back", _yes(kind.callback is not Channel.callback)),
        ('"not found" is final after', _lasting(kind.acceptance_window)),
        (
            "a confirm carries the request number of its send",
            _yes(kind.confirm_inherits_request_no),
        ),
        (
            "a refund it does not know may be sent again under its number",
            _yes(kind.refunds_once),
        ),
        ("statements", statements),
        ("tells us what to use (`learn`)", _yes(kind.learn is not Channel.learn)),
    )
    codes = [
        (as_code(code), as_code(outcome), blame or "")
        for code, (outcome, blame) in kind.errors.items()
    ]
    head = f"## {kind.title} (`{kind.code}`)"
    parts = [head, _says(kind), a_table(("", ""), facts), *_credentials(kind)]
    if codes:
        parts.append(a_table(("their code", "outcome", "blame"), codes))
    return "\n\n".join(parts)


def _carrier(kind: "type[Carrier]") -> str:
    from paycore.sms.carrier import Carrier

    receipts = "none"
    whose = f"{'its own' if kind.receipts_by_id else 'our'} number of a text"
    if kind.receipts is not Carrier.receipts:
        receipts = f"posted to us, with {whose}"
    elif kind.tend is not Carrier.tend:
        receipts = f"over the connection that is kept, with {whose}"
    facts = (
        ("receipts", receipts),
        ("can be tried without a text", _yes(kind.check is not Carrier.check)),
    )
    head = f"### {kind.title} (`{kind.code}`)"
    table = a_table(("", ""), facts)
    return "\n\n".join((head, _says(kind), table, *_credentials(kind)))


def _says(kind: "type[Channel | Carrier]") -> str:
    """How its file begins: whose interface it speaks."""
    return first_sentence(sys.modules[kind.__module__].__doc__)


# --- credentials ----------------------------------------------------------------------


def _credentials(kind: "type[Channel | Carrier]") -> Iterator[str]:
    """The fields of its `Config`, as JSON has them."""
    notes = _notes(kind.Config)
    rows = [
        (
            as_code(field.encode_name),
            _words(forms.type_info(field.type)),
            _default(field),
            _yes(field.name in kind.secret_fields),
            notes.get(field.name, ""),
        )
        for field in msgspec.structs.fields(kind.Config)
    ]
    if rows:
        yield a_table(
            ("credential", "must be", "default", "secret", "what it is"), rows
        )


def _notes(config: type[msgspec.Struct]) -> Mapping[str, str]:
    """What stands below the fields, those that it inherits too."""
    told: dict[str, str] = {}
    for kind in reversed(config.__mro__):
        if issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct:
            told |= notes_of(kind)
    return told


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    default: Any = field.default
    if field.default_factory is not msgspec.NODEFAULT:
        default = field.default_factory()
    return "none" if default is None else as_code(msgspec.json.encode(default).decode())


def _words(form: forms.Type) -> str:
    """What JSON must have there, in words."""
    match form:
        case forms.Metadata(type=inner):
            return _words(inner)
        case forms.EnumType(cls=cls):
            return _one_of([member.value for member in cls])
        case forms.LiteralType(values=values):
            return _one_of(values)
        case forms.UnionType(types=types):
            some = [one for one in types if not isinstance(one, forms.NoneType)]
            return " or ".join(map(_words, some))
        case forms.CollectionType(item_type=item):
            return f"list: {_words(item)}"
    bare = type(form).__name__.removesuffix("Type").lower()
    return _PLAIN.get(type(form), bare)


def _one_of(values: Sequence[object]) -> str:
    return " or ".join(map(as_code, values))


# --- cells ----------------------------------------------------------------------------


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def _in_order(names: frozenset[Any]) -> str:
    """Sorted: a set has another order in every process."""
    plain = (name.value if isinstance(name, Enum) else name for name in names)
    return ", ".join(map(as_code, sorted(plain)))


def _lasting(window: timedelta) -> str:
    """In the largest unit that it is a whole number of."""
    seconds = window.total_seconds()
    for unit, size in _UNITS:
        if seconds and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds:g} s"
