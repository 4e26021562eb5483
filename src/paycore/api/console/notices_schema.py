"""The shapes of the console's calls about notices, end points and long work."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, field

from paycore.api.console.schema import Moment, Why
from paycore.api.schema import Answer, Page, Shape

NoticeType = Annotated[
    str,
    Meta(
        pattern=r"\A[a-z_]{1,32}(\.[a-z_]{1,32})*\Z",
        max_length=64,
        description="as payment.succeeded",
    ),
]
EndpointId = Annotated[
    str,
    Meta(pattern=r"\Aep_[A-Za-z0-9]{1,32}\Z", description="an end point's id, ep_…"),
]
NoticeNumber = Annotated[
    str,
    Meta(
        pattern=r"\A(msg_[0-9a-f]{32}|[0-9A-Z]{26})\Z",
        description="a notice's id, msg_…, or a payment's number",
    ),
]


class SearchNotices(Page, frozen=True, kw_only=True):
    """The query of `GET /v1/console/notices`."""

    state: Literal["PENDING", "DELIVERED", "PARKED"] | None = None
    endpoint: EndpointId | None = None
    type: NoticeType | None = None
    q: NoticeNumber | None = None
    since: Moment | None = field(name="from", default=None)
    until: Moment | None = field(name="to", default=None)


class ReplayNotices(Shape, frozen=True, kw_only=True):
    """What sending a time's notices again takes."""

    since: Moment = field(name="from")
    until: Moment = field(name="to")
    type: NoticeType | None = None
    endpoint: EndpointId | None = None
    why: Why
    preview: Annotated[bool, Meta(description="true: only count")] = False


class ConsoleNotice(Answer, frozen=True, kw_only=True):
    """A notice as a list shows it."""

    notice_id: str
    type: str
    pay_order_no: str
    biz_line: str
    endpoint: str | None
    state: str
    tries: int
    last_result: str
    created_at: datetime
    next_at: datetime | None
    delivered_at: datetime | None


class ConsoleNotices(Answer, frozen=True, kw_only=True):
    """A page of notices, those of the newest payments first."""

    items: list[ConsoleNotice]
    next: str | None
    searched_from: datetime | None
    """Where not all were looked at: back to then; the next page goes on."""


class Delivery(Answer, frozen=True, kw_only=True):
    """What a try came to."""

    at: datetime | None
    """When it was delivered; of a try that failed this is not kept."""
    status: str
    says: str


class ConsoleNoticeDetails(Answer, frozen=True, kw_only=True):
    """A notice with what it says."""

    notice: ConsoleNotice
    url: str | None
    replayed_at: datetime | None
    deliveries: list[Delivery]
    """The last try, where there was one."""
    payload: object


class NoticeReplayed(Answer, frozen=True, kw_only=True):
    """A notice that is on its way again."""

    notice_id: str


class NoticesReplayed(Answer, frozen=True, kw_only=True):
    """How many there are, and where it is told how far it is."""

    number: int
    more: bool
    """There may be more: not all were looked at."""
    work_id: str | None


class ConsoleWork(Answer, frozen=True, kw_only=True):
    """Long work, and how far it is."""

    work_id: str
    kind: str
    begun_by: str
    begun_at: datetime
    told_at: datetime
    ended_at: datetime | None
    state: str
    """RUNNING, DONE, FAILED, or LOST with its node."""
    done: int
    total: int | None
    said: str


class ConsoleEndpoint(Answer, frozen=True, kw_only=True):
    """Where a business line wants its notices."""

    endpoint_id: str
    biz_line: str
    url: str
    enabled: bool
    disabled_reason: str | None


class ConsoleEndpoints(Answer, frozen=True, kw_only=True):
    """A page of end points, by id."""

    items: list[ConsoleEndpoint]
    next: str | None


class EndpointSwitched(Answer, frozen=True, kw_only=True):
    """Whether notices go there from now on."""

    endpoint_id: str
    enabled: bool


class EndpointSecret(Answer, frozen=True, kw_only=True):
    """A secret, which is shown this once."""

    endpoint_id: str
    secret: str
    old_until: datetime | None
    """Until when the one before signs too; null: until the next rotation."""

    def __repr__(self) -> str:
        return "EndpointSecret(...)"
