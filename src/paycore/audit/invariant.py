"""What an invariant is, and a question of it. Pure."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question of an invariant."""

    name: str
    """What a violation of it is called."""
    sql: str
    """A statement as `paycore.audit.questions` says; of a scan, the texts."""
    whole: bool = False
    """Asked only when everything is audited: sums know no beginning, and some things
    are not known by their payment."""
    scan: bool = False
    """Texts to be looked through for secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """What must always hold."""

    id: str
    holds: str
    checks: tuple[Check, ...] = field(default=(), repr=False)
    otherwise: str = ""
    """What rows do not show of it, and who does."""
