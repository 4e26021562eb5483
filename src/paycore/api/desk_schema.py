"""The shapes of the desk's requests and of its list; `cures.document` has the rest."""

from typing import Annotated, Literal

from msgspec import Meta

from paycore.api.paging import DEFAULT_PAGE
from paycore.api.schema import Answer, PageSize, PayOrderNumber, Shape
from paycore.cures.document import DeskCase
from paycore.cures.service import MOST_REASON
from paycore.cures.table import Cure

Why = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MOST_REASON,
        pattern=r"\S",
        description=f"1-{MOST_REASON} characters, no control characters; kept for good",
    ),
]
Kind = Annotated[
    str, Meta(pattern=r"\A[A-Z][A-Z_]{1,63}\Z", description="2-64 of A-Z _")
]
Owner = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\Z",
        description="1-64 letters, digits and . _ @ -",
    ),
]
CaseCursor = Annotated[
    str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,1024}\Z", description="`next` of a page")
]


CaseStatus = Annotated[Literal["OPEN", "CLOSED"], Meta(description="OPEN or CLOSED")]


class SearchCases(Shape, frozen=True, kw_only=True):
    """The query of `GET /v1/desk/cases`."""

    limit: PageSize = DEFAULT_PAGE
    cursor: CaseCursor | None = None
    status: CaseStatus | None = None
    kind: Kind | None = None
    pay_order_no: PayOrderNumber | None = None
    owner: Owner | None = None


class TakeCase(Shape, frozen=True, kw_only=True):
    """What taking a case takes."""

    why: Why


class PreviewCure(Shape, frozen=True, kw_only=True):
    """What a preview takes."""

    cure: Annotated[Cure, Meta(description="one that the case suggests")]
    why: Why


class ApproveCure(Shape, frozen=True, kw_only=True):
    """What an approval takes."""

    why: Why


class DeskCases(Answer, frozen=True, kw_only=True):
    """A page of cases, the oldest first."""

    items: list[DeskCase]
    next: str | None
