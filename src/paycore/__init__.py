"""A self-hosted payment core: quick pay by SMS code, converted to deduct."""

__version__ = "0.1.0"
