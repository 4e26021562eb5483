"""What each role may do, at the desk and in the console: a table. Pure.

Who is one of two people is not a matter of roles: whoever previewed a cure may not
approve it, an approver either (`cures.service`).
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class May(StrEnum):
    """What can be done over the API by operators."""

    READ = "READ"
    ACT = "ACT"
    """Take a case, preview a cure, execute it; close or ask after a payment, tell its
    line again, run a job, switch an account off."""
    APPROVE = "APPROVE"
    """What somebody else previewed at the desk."""
    CONFIGURE = "CONFIGURE"
    """Switch an account on, windows, routes, end points and their secrets."""
    ADMINISTER = "ADMINISTER"
    """Operators, and the keys of lines."""


class Role(StrEnum):
    """What somebody was given to do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


ALLOWS: Mapping[Role, frozenset[May]] = MappingProxyType(
    {
        Role.VIEWER: frozenset({May.READ}),
        Role.OPERATOR: frozenset({May.READ, May.ACT}),
        Role.APPROVER: frozenset({May.READ, May.ACT, May.APPROVE}),
        Role.ADMIN: frozenset(May),
    }
)
