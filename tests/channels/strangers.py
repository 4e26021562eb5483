"""Where the strangers of a test are, and who we are there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Strangers:
    """A sandbox that runs, and who we are there."""

    control: str
    banks: dict[str, str]
    carriers: dict[str, str]
    merchant: str
    secret: str
    encryption_key: str
