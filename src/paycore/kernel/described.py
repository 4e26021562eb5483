"""A struct's fields in words: for refusals, and for the page about settings. Pure.

Every field says what it is (`Meta(description=...)`), and `extra={"secret": True}`
where its value is never shown.
"""

from typing import Annotated, cast, get_type_hints

from msgspec import Meta, Struct, inspect

Amounts = Annotated[
    str, Meta(pattern=r"^([A-Z]{3}:[0-9]{1,13}(,[A-Z]{3}:[0-9]{1,13})*)?$")
]
"""An amount a currency, in minor units; of a currency that is not named, none."""


def fields_of(kind: type[Struct]) -> tuple[inspect.Field, ...]:
    """The fields, in the order of their declaration."""
    return cast("inspect.StructType", inspect.type_info(kind)).fields


def annotations_of(kind: type[Struct]) -> dict[str, object]:
    """The fields' types with their bounds, by name."""
    return get_type_hints(kind, include_extras=True)


def is_secret(field: inspect.Field) -> bool:
    """Whether a field's value is never shown."""
    return bool((_metadata(field).extra or {}).get("secret"))


def description(field: inspect.Field) -> str:
    """What a field is."""
    return str((_metadata(field).extra_json_schema or {})["description"])


def form(kind: inspect.Type) -> str:
    """What a value must be, in words: for the refusal and for the page."""
    match kind:
        case inspect.Metadata(type=inner):
            return form(inner)
        case inspect.IntType(ge=least, le=most):
            return f"a whole number from {least} to {most}"
        case inspect.FloatType(ge=least, le=most):
            lowest = "above 0" if least is None else f"from {least:g}"
            return f"a number of seconds {lowest}, at most {most:g}"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType(values=values):
            return " or ".join(str(value) for value in values)
        case _:
            return "text"


def shown(default: object) -> str:
    """A default as the page shows it."""
    match default:
        case None | "":
            return ""
        case bool():
            return str(default).lower()
        case float() | int():
            return f"{default:g}"
        case _:
            return str(default)


def _metadata(field: inspect.Field) -> inspect.Metadata:
    assert isinstance(field.type, inspect.Metadata), f"{field.name} is not described"
    return field.type
