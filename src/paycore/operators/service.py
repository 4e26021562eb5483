"""Operators and their tokens: who works at the desk over the API.

A token is `op_<operator id>_<secret>`, shown once and kept as a hash (`kernel.bearer`).
There are few operators and they do few things, so each call reads the row anew: a token
that was revoked is refused from then on, and what was under way when it was revoked is
refused by the operator's version.
"""

import re

import msgspec

from paycore.desk.rows import NOBODY
from paycore.desk.service import OURSELVES
from paycore.kernel.bearer import Bearer
from paycore.kernel.errors import (
    BadRequest,
    DataNotExist,
    Duplicate,
    Forbidden,
    Unauthorized,
)
from paycore.kernel.journal import NOT_NEW, Change, ChangeRejected
from paycore.kernel.node import Node
from paycore.operators.roles import ALLOWS, May, Role
from paycore.operators.rows import ActRow, OperatorRow

PREFIX = "op"

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
"""Lower case: two who differ in nothing else would be one to a reader."""
_NOBODYS = frozenset({OURSELVES, NOBODY})


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, as the row stood when the token was looked at."""

    operator_id: str
    name: str
    role: Role
    version: int


async def authenticate(node: Node, bearer: str) -> Operator:
    """Whose token this is; Unauthorized for every token that is not good."""
    token = Bearer.read(bearer, PREFIX)
    if token is None:
        raise _unauthorized()
    row = await node.journal.load(OperatorRow, token.id)
    good = token.matches(row.digest if row else None)
    if row is None or not good or row.revoked_at is not None:
        raise _unauthorized()
    return Operator(
        operator_id=row.operator_id, name=row.name, role=row.role, version=row.version
    )


def refuse_unless(operator: Operator, may: May) -> None:
    """Forbidden where the role does not allow it."""
    if may not in ALLOWS[operator.role]:
        raise Forbidden("This operator's role does not allow it.", "操作员角色权限不足")


def act(change: Change, operator: Operator, case_id: str, seq: int) -> None:
    """Stage that a step was done by an operator's token: refused if it was revoked, or
    did something else, since it was looked at. So acts are numbered without a gap.
    """

    def step(row: OperatorRow) -> OperatorRow | None:
        same = row.version == operator.version and row.revoked_at is None
        return row if same else None

    change.amend(OperatorRow, (operator.operator_id,), step)
    change.insert(
        ActRow(
            operator_id=operator.operator_id,
            number=operator.version,
            case_id=case_id,
            seq=seq,
        )
    )


async def add(node: Node, name: str, role: Role) -> str:
    """Make an operator and give the token in clear: it is never shown again."""
    if _NAME.fullmatch(name) is None or name in _NOBODYS:
        raise BadRequest(
            "An operator's name is 1 to 64 of a-z 0-9 . _ @ -, and nobody else's.",
            "操作员名称为 1-64 位小写字母、数字或 . _ @ -",
            field="name",
        )
    if await _live(node, name) is not None:
        raise _there_already()
    token = Bearer.fresh(node.ids, PREFIX)
    change = node.change()
    change.insert(
        OperatorRow(
            operator_id=token.id,
            name=name,
            role=role,
            digest=token.digest,
            created_at=node.now(),
        )
    )
    try:
        refused = await node.journal.commit(change)
    except ChangeRejected as error:
        if error.sqlstate != NOT_NEW:
            raise
        raise _there_already() from None  # somebody was faster
    assert refused is None, "sixty random bits met twice"
    return token.clear


async def revoke(node: Node, name: str) -> None:
    """Refuse an operator's token from now on; the name may be given anew."""
    live = await _live(node, name)
    if live is None:
        raise DataNotExist("There is no such operator.", "操作员不存在")
    now = node.now()

    def step(row: OperatorRow) -> OperatorRow | None:
        over = row.revoked_at is not None
        return None if over else msgspec.structs.replace(row, revoked_at=now)

    change = node.change()
    change.amend(OperatorRow, (live.operator_id,), step)
    await node.journal.commit(change)  # refused where somebody was faster: it is done


async def every(node: Node) -> list[OperatorRow]:
    """All there are and were, by name and then by age."""
    rows = await node.journal.every(OperatorRow)
    return sorted(rows, key=lambda row: (row.name, row.created_at))


async def _live(node: Node, name: str) -> OperatorRow | None:
    rows = await node.journal.every(OperatorRow)
    return next((o for o in rows if o.name == name and o.revoked_at is None), None)


def _unauthorized() -> Unauthorized:
    return Unauthorized(
        "The operator's token is missing or not valid.", "操作员令牌缺失或无效"
    )


def _there_already() -> Duplicate:
    return Duplicate("There is such an operator already.", "操作员已存在")
