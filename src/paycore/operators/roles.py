"""What each role may do at the desk: a table. Pure.

Who is one of two people is not a matter of roles: whoever previewed a cure may not
approve it, an approver either (`cures.service`).
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class May(StrEnum):
    """What can be done at the desk."""

    READ = "READ"
    ACT = "ACT"
    """Take a case, preview a cure, execute it."""
    APPROVE = "APPROVE"


class Role(StrEnum):
    """What somebody was given to do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"


ALLOWS: Mapping[Role, frozenset[May]] = MappingProxyType(
    {
        Role.VIEWER: frozenset({May.READ}),
        Role.OPERATOR: frozenset({May.READ, May.ACT}),
        Role.APPROVER: frozenset({May.READ, May.ACT, May.APPROVE}),
    }
)
