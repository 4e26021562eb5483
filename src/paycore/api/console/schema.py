"""The shapes of the console's calls about operators, sessions and the log."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, field

from paycore.api.schema import Answer, Page, Shape
from paycore.operators.log import MOST_REASON
from paycore.operators.logins import LONGEST, SHORTEST
from paycore.operators.roles import May, Role

Why = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MOST_REASON,
        pattern=r"\S",
        description=f"1-{MOST_REASON} characters, no control characters; kept for good",
    ),
]
OperatorName = Annotated[
    str,
    Meta(
        pattern=r"\A[a-z0-9][a-z0-9._@-]{0,63}\Z",
        description="1-64 of a-z 0-9 . _ @ -, the first a letter or digit",
    ),
]
ActName = Annotated[
    str, Meta(pattern=r"\A[A-Za-z]{1,64}\Z", description="1-64 letters: a call's name")
]
Subject = Annotated[
    str, Meta(min_length=1, max_length=256, description="1-256 characters")
]
Password = Annotated[
    str,
    Meta(
        min_length=SHORTEST,
        max_length=LONGEST,
        description=f"{SHORTEST}-{LONGEST} characters",
    ),
]
Given = Annotated[
    str, Meta(min_length=1, max_length=LONGEST, description=f"1-{LONGEST} characters")
]
"""A password that was chosen before: what it must be now does not matter."""
Code = Annotated[str, Meta(pattern=r"\A[0-9]{6}\Z", description="six digits")]
InvitationText = Annotated[
    str, Meta(pattern=r"\A[A-Za-z0-9_]{1,128}\Z", description="as it was shown")
]


Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339 with its offset")]


class Because(Shape, frozen=True, kw_only=True):
    """An act that takes nothing but its reason."""

    why: Why


class LogIn(Shape, frozen=True, kw_only=True):
    """What logging in takes."""

    name: OperatorName
    password: Given
    code: Code

    def __repr__(self) -> str:
        return "LogIn(...)"


class BeginEnrolment(Shape, frozen=True, kw_only=True):
    """What an invited operator chooses."""

    invitation: InvitationText
    password: Password

    def __repr__(self) -> str:
        return "BeginEnrolment(...)"


class ConfirmEnrolment(Shape, frozen=True, kw_only=True):
    """The same with the first code."""

    invitation: InvitationText
    password: Password
    code: Code

    def __repr__(self) -> str:
        return "ConfirmEnrolment(...)"


class ChangePassword(Shape, frozen=True, kw_only=True):
    """What another password takes."""

    password: Given
    code: Code
    new_password: Password

    def __repr__(self) -> str:
        return "ChangePassword(...)"


class InviteOperator(Shape, frozen=True, kw_only=True):
    """What inviting somebody takes."""

    name: OperatorName
    role: Annotated[Role, Meta(description="viewer, operator, approver or admin")]
    why: Why


class SearchEntries(Page, frozen=True, kw_only=True):
    """The query of `GET /v1/console/audit`."""

    operator: OperatorName | None = None
    act: ActName | None = None
    subject: Subject | None = None
    since: Moment | None = field(name="from", default=None)
    until: Moment | None = field(name="to", default=None)


class ConsoleSession(Answer, frozen=True, kw_only=True):
    """Who has logged in, what he may do, and until when at the latest."""

    name: str
    role: Role
    may: list[May]
    expires_at: datetime


class EnrolmentBegun(Answer, frozen=True, kw_only=True):
    """What a program for codes is told."""

    totp_secret: str
    otpauth_uri: str

    def __repr__(self) -> str:
        return "EnrolmentBegun(...)"


class ConsoleOperator(Answer, frozen=True, kw_only=True):
    """Somebody who may work here, or might once."""

    operator_id: str
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None
    last_seen_at: datetime | None
    enrolled: bool


class ConsoleOperators(Answer, frozen=True, kw_only=True):
    """A page of operators, by name."""

    items: list[ConsoleOperator]
    next: str | None


class OperatorInvited(Answer, frozen=True, kw_only=True):
    """An invitation, which is shown this once."""

    operator_id: str
    invitation: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"OperatorInvited({self.operator_id})"


class OperatorRevoked(Answer, frozen=True, kw_only=True):
    """Who is an operator no more."""

    operator_id: str
    name: str
    revoked_at: datetime


class AuditEntry(Answer, frozen=True, kw_only=True):
    """One act of an operator."""

    seq: int
    at: datetime
    operator: str
    role: str
    act: str
    subject: str
    why: str
    detail: dict[str, object]
    hash: str


class AuditEntries(Answer, frozen=True, kw_only=True):
    """A page of the log, the newest first."""

    items: list[AuditEntry]
    next: str | None


class AuditVerified(Answer, frozen=True, kw_only=True):
    """Whether the log is whole."""

    entries: int
    intact: bool
    broken_at: int | None
    head: str
