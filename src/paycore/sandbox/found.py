"""Finds the providers' files that the configuration asks for: `vendors/<name>.py`."""

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import TypeVar

import msgspec

from paycore.sandbox import vendors

T = TypeVar("T")

Configs = Mapping[str, msgspec.Raw]


class NoVendor(Exception):
    """A provider that is not there, or keys that are not of its form."""


def vendor(name: str, kind: type[T]) -> type[T]:
    """The class of `kind` that a provider's file defines."""
    module = f"{vendors.__name__}.{name}"
    try:
        members = vars(import_module(module)).values()
    except ModuleNotFoundError as error:
        raise NoVendor(f"there is no provider {name!r}") from error
    for member in members:
        if (
            inspect.isclass(member)
            and issubclass(member, kind)
            and member.__module__ == module
            and not inspect.isabstract(member)
        ):
            return member
    raise NoVendor(f"{name!r} is no {kind.__name__.lower()}")


def keys(name: str, configs: Configs, form: type[T]) -> T:
    """A provider's part of the configuration."""
    try:
        return msgspec.json.decode(configs[name], type=form)
    except msgspec.MsgspecError as error:
        raise NoVendor(f"vendors.{name}: {error}") from error
