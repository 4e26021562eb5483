"""What is kept of operators: who they are, what they log in with, and each thing that
they did.
"""

from datetime import datetime

from paycore.kernel.journal import Row, table
from paycore.kernel.terms import Json
from paycore.operators.roles import Role

CHAIN = "operators"
"""The only row of `operators_head`."""


@table("operators_operator", key="operator_id", versioned=True)
class OperatorRow(Row, frozen=True, kw_only=True):
    """Somebody who may work here, for as long as it was not revoked; of one name one is
    live, and whoever is given another token or role is another row.
    """

    operator_id: str
    """The token's public half, or one made as such."""
    version: int = 1
    """One more with each act at the desk and with the revocation."""
    name: str
    role: Role
    digest: bytes | None
    """Of the token's secret half, which is not kept; None where there is no token."""
    created_at: datetime
    revoked_at: datetime | None = None


@table("operators_act", key=("operator_id", "number"), owner="operator_id")
class ActRow(Row, frozen=True, kw_only=True):
    """By whom a step of a case was done; append-only and without a gap."""

    operator_id: str
    number: int
    """Of the operator: the version that it was done by."""
    case_id: str
    seq: int
    """Which step of the case."""
    entry: int | None
    """Of the log; None for what was done before there was one."""


@table("operators_entry", key="seq")
class EntryRow(Row, frozen=True, kw_only=True):
    """One act of an operator, in the chain; append-only and without a gap."""

    seq: int
    at: datetime
    operator_id: str | None
    """None where it was done by the command line."""
    operator: str
    role: str
    act: str
    """The call's name, or what else it was."""
    subject: str
    """What it was done to: a payment, a case, an operator."""
    why: str
    detail: str
    """A JSON object, masked; as text, because its octets are hashed."""
    previous: bytes
    """The hash of the entry before; zeros for the first."""
    hash: bytes


@table("operators_head", key="chain", versioned=True)
class HeadRow(Row, frozen=True, kw_only=True):
    """Where the chain ends; there is none before the first entry."""

    chain: str
    version: int = 1
    seq: int
    hash: bytes


@table("operators_login", key="operator_id", versioned=True)
class LoginRow(Row, frozen=True, kw_only=True):
    """What an operator logs in with, or is invited to make."""

    operator_id: str
    version: int = 1
    generation: int
    """One more with each invitation, enrolment and new password: older sessions end."""
    invitation: bytes | None
    """Of its secret, the digest; None once it was used."""
    invited_until: datetime | None
    password: str | None
    """As argon2 writes a hash, with its parameters."""
    totp: bytes | None
    """The secret, sealed."""
    step: int = 0
    """Of the last code that was taken: none of it or before is good again."""
    enrolled_at: datetime | None = None
    """None: it is good for nothing yet."""


@table("operators_session", key="session_id", versioned=True)
class SessionRow(Row, frozen=True, kw_only=True):
    """Somebody who has logged in."""

    session_id: str
    version: int = 1
    operator_id: str
    generation: int
    """Of the log-in that it was begun by."""
    digest: bytes
    """Of the cookie's secret half, which is not kept."""
    began_at: datetime
    seen_at: datetime
    """To the minute, or so."""
    ends_at: datetime
    """At the latest."""
    ended_at: datetime | None = None


@table("operators_tries", key="name", versioned=True)
class TriesRow(Row, frozen=True, kw_only=True):
    """Wrong tries to log in under one name since the last good one: from one browser of
    the operator's, or from wherever else.
    """

    name: bytes
    """A keyed hash of it: people type passwords into the wrong field."""
    version: int = 1
    wrong: int
    tried_at: datetime
    locked_until: datetime | None = None
    expires_at: datetime


@table("operators_views", key=("name", "page"), owner="name", versioned=True)
class ViewsRow(Row, frozen=True, kw_only=True):
    """An operator's own searches of one page; whoever gets another token keeps them."""

    name: str
    page: str
    version: int = 1
    views: Json
    """{name: query, as in the page's address}"""


@table("operators_work", key="work_id", versioned=True)
class WorkRow(Row, frozen=True, kw_only=True):
    """Long work that an operator began, and how far it is."""

    work_id: str
    version: int = 1
    kind: str
    """The call that began it."""
    begun_by: str
    begun_at: datetime
    told_at: datetime
    """When it was last told of: work that nobody tells of has lost its node."""
    ended_at: datetime | None = None
    done: int = 0
    total: int | None = None
    """None: it is not known beforehand."""
    failed: bool = False
    said: str = ""
    result: Json | None = None
    """What came of it, where that is more than a sentence."""
