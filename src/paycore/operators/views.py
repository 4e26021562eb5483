"""The searches that an operator keeps: his own, page by page.

They change nothing of anybody else's, so the log does not tell of them.
"""

from collections.abc import Callable, Mapping

import msgspec

from paycore.kernel.errors import BizCheckError, DataNotExist, InFlight
from paycore.kernel.mask import mask_text
from paycore.kernel.node import Node
from paycore.kernel.terms import Json
from paycore.operators.rows import ViewsRow
from paycore.operators.service import Operator

MOST = 50
"""So many an operator keeps of one page."""
TIMES_TO_TRY = 5


_Views = dict[str, str]
_Make = Callable[[_Views], _Views]


async def of_page(node: Node, operator: Operator, page: str) -> Mapping[str, str]:
    """An operator's searches of a page, by their names."""
    return _views(await node.journal.load(ViewsRow, operator.name, page))


async def keep(node: Node, operator: Operator, page: str, name: str, query: str) -> str:
    """Keep a search, in the place of what was kept under its name; as it is kept: the
    whole number of a card, a person or a phone is masked.
    """
    kept = mask_text(query)

    def put(views: _Views) -> _Views:
        if name not in views and len(views) >= MOST:
            raise BizCheckError(
                f"There are {MOST} searches of this page: remove one first.",
                f"该页面已保存 {MOST} 个查询,请先删除",
            )
        return {**views, name: kept}

    await _change(node, operator, page, put)
    return kept


async def remove(node: Node, operator: Operator, page: str, name: str) -> None:
    """Forget a search; DataNotExist where there is none of that name."""

    def drop(views: _Views) -> _Views:
        if name not in views:
            raise DataNotExist
        return {one: query for one, query in views.items() if one != name}

    await _change(node, operator, page, drop)


async def _change(node: Node, operator: Operator, page: str, make: _Make) -> None:
    for _ in range(TIMES_TO_TRY):
        row = await node.journal.load(ViewsRow, operator.name, page)
        views = Json(msgspec.json.encode(make(_views(row))).decode())
        change = node.change()
        if row is None:
            change.insert(ViewsRow(name=operator.name, page=page, views=views))
        else:
            fresh = msgspec.structs.replace(row, views=views)
            change.update(fresh, version=row.version)
        if await node.journal.commit(change) is None:
            return
    raise InFlight(retry_after_s=1)


def _views(row: ViewsRow | None) -> _Views:
    return {} if row is None else msgspec.json.decode(row.views, type=_Views)
