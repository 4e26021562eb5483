"""The searches that an operator keeps, page by page."""

import binascii
from base64 import urlsafe_b64decode
from typing import Annotated

from litestar import Response, delete, get, put
from msgspec import Meta

from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.contract import Call
from paycore.api.decode import Shape as Reader
from paycore.api.decode import canonical, refuse_unreadable
from paycore.api.door import Plain, body_of, door_of
from paycore.api.paging import query_of
from paycore.api.schema import Answer, Shape
from paycore.kernel.errors import BadRequest, BizCheckError, DataNotExist
from paycore.kernel.mask import mask_text
from paycore.operators import views
from paycore.operators.roles import May

Slug = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9_-]{1,64}\Z",
        description="1-64 of A-Z a-z 0-9 _ -",
    ),
]
ViewName = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Za-z0-9_-]{1,128}\Z",
        description="base64url, without padding, of UTF-8: 96 octets at most",
    ),
]


class SearchViews(Shape, frozen=True, kw_only=True):
    """The query of `GET /v1/console/views`."""

    page: Slug


class Place(Shape, frozen=True, kw_only=True):
    """Which search of which page, out of a path."""

    page: Slug
    name: ViewName


class KeepView(Shape, frozen=True, kw_only=True):
    """What keeping a search takes."""

    query: Annotated[
        str,
        Meta(
            max_length=2048,
            pattern=r"\A[\x21-\x7e]*\Z",
            description="at most 2,048 visible ASCII characters: as in the page's "
            "address, without the question mark",
        ),
    ]


class ConsoleView(Answer, frozen=True, kw_only=True):
    """A search of an operator's own."""

    name: str
    """As it stands in a path: base64url."""
    query: str


class ConsoleViews(Answer, frozen=True, kw_only=True):
    """An operator's searches of one page, the oldest first."""

    items: list[ConsoleView]
    next: None = None


_SEARCH = Reader(SearchViews)
_PLACE = Reader(Place)
_KEEP = Reader(KeepView)


@get(
    "/v1/console/views",
    opt={
        "call": Call(
            name="listViews",
            summary="The searches of a page that the operator keeps",
            asks=SearchViews,
            gives=((200, ConsoleViews),),
            may=May.READ,
        )
    },
)
async def list_views(request: Plain) -> Response[bytes]:
    """The searches that the operator keeps."""
    operator = await operator_of(request)
    asked = _SEARCH.convert(query_of(request))
    kept = await views.of_page(door_of(request).node, operator, asked.page)
    items = [ConsoleView(name=name, query=query) for name, query in kept.items()]
    return found(ConsoleViews(items=items))


@put(
    "/v1/console/views/{page:str}/{name:str}",
    opt={
        "call": Call(
            name="keepView",
            summary="Keep a search, in the place of what was kept under its name",
            takes=KeepView,
            gives=((200, ConsoleView),),
            refuses=(BizCheckError, DataNotExist),
            may=May.READ,
        )
    },
)
async def keep_view(request: Plain, page: str, name: str) -> Response[bytes]:
    """Keep a search."""
    operator = await operator_of(request)
    body = await body_of(request)
    refuse_unreadable(body)
    canonical(body)
    asked = _KEEP.decode(body)
    node, place = door_of(request).node, _place(page, name)
    query = await views.keep(node, operator, *place, asked.query)
    return found(ConsoleView(name=place[1], query=query))


@delete(
    "/v1/console/views/{page:str}/{name:str}",
    status_code=204,
    opt={
        "call": Call(
            name="removeView",
            summary="Forget a search",
            gives=((204, None),),
            refuses=(DataNotExist,),
            may=May.READ,
        )
    },
)
async def remove_view(request: Plain, page: str, name: str) -> None:
    """Forget a search."""
    operator = await operator_of(request)
    await views.remove(door_of(request).node, operator, *_place(page, name))


def _place(page: str, name: str) -> tuple[str, str]:
    """Page and name out of a path; a name that nobody could read is none."""
    asked = _PLACE.convert({"page": page, "name": name})
    try:
        said = urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode()
    except (binascii.Error, ValueError):
        said = ""
    if not (said.isprintable() and said.strip() and mask_text(said) == said):
        raise BadRequest("name is not valid.", "查询名称无效", field="name")
    return asked.page, asked.name
