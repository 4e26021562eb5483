"""Operators and their tokens: who works at the desk and in the console.

A token is `op_<operator id>_<secret>`, shown once and kept as a hash (`kernel.bearer`).
There are few operators and they do few things, so each call reads the row anew: a token
that was revoked is refused from then on, and what was under way when it was revoked, or
its session ended, is refused by the log, which that is entered in (`log`).
How somebody logs in instead is in `logins` and `sessions`.
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
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.operators.log import COMMAND_LINE, Actor, Deed, Log, enacted
from paycore.operators.roles import ALLOWS, May, Role
from paycore.operators.rows import ActRow, LoginRow, OperatorRow, SessionRow

PREFIX = "op"

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
"""Lower case: two who differ in nothing else would be one to a reader."""
_NOBODYS = frozenset({OURSELVES, NOBODY})


class Operator(Actor, frozen=True, kw_only=True):
    """Who calls, as the row stood when the token or the session was looked at."""

    operator_id: str
    role: Role
    version: int
    session_id: str | None = None
    """None where a token was sent."""


def operator_of(row: OperatorRow, session_id: str | None = None) -> Operator:
    """Who a row is."""
    return Operator(
        operator_id=row.operator_id,
        name=row.name,
        role=row.role,
        version=row.version,
        session_id=session_id,
    )


async def authenticate(node: Node, bearer: str) -> Operator:
    """Whose token this is; Unauthorized for every token that is not good."""
    token = Bearer.read(bearer, PREFIX)
    if token is None:
        raise unauthorized()
    row = await node.journal.load(OperatorRow, token.id)
    good = token.matches(row.digest if row else None)
    if row is None or not good or row.revoked_at is not None:
        raise unauthorized()
    return operator_of(row)


async def again(node: Node, operator: Operator) -> Operator:
    """The same, looked at anew: for who takes the end of the log first (`log`). Since
    ending a session is an act too, nothing is done by one that was ended meanwhile.
    """
    row = await node.journal.load(OperatorRow, operator.operator_id)
    if row is None or row.revoked_at is not None:
        raise unauthorized()
    if operator.session_id is not None and not await _lasts(node, operator.session_id):
        raise unauthorized()
    return operator_of(row, operator.session_id)


async def _lasts(node: Node, session_id: str) -> bool:
    """Whether nobody has ended a session, by itself or with its log-in."""
    session = await node.journal.load(SessionRow, session_id)
    if session is None or session.ended_at is not None:
        return False
    login = await node.journal.load(LoginRow, session.operator_id)
    return login is not None and login.generation == session.generation


def refuse_unless(operator: Operator, may: May) -> None:
    """Forbidden where the role does not allow it."""
    if may not in ALLOWS[operator.role]:
        raise Forbidden("This operator's role does not allow it.", "操作员角色权限不足")


def act(
    change: Change, operator: Operator, step: tuple[str, int], *, entry: int
) -> None:
    """Stage that a step of a case (its id, its number) was done by an operator, as an
    entry of the log tells: refused if he was revoked, or did something else at the
    desk, since it was looked at. So acts are numbered without a gap.
    """
    case_id, seq = step

    def again(row: OperatorRow) -> OperatorRow | None:
        same = row.version == operator.version and row.revoked_at is None
        return row if same else None

    change.amend(OperatorRow, (operator.operator_id,), again)
    change.insert(
        ActRow(
            operator_id=operator.operator_id,
            number=operator.version,
            case_id=case_id,
            seq=seq,
            entry=entry,
        )
    )


async def add(node: Node, name: str, role: Role) -> str:
    """Make an operator and give the token in clear: it is never shown again."""
    token = Bearer.fresh(node.ids, PREFIX)

    async def stage(change: Change, log: Log) -> None:
        await made(node, change, (token.id, name, role), digest=token.digest)
        deed = Deed(act="addOperator", subject=name, detail={"role": role})
        log.enter(node, change, COMMAND_LINE, deed)

    await enacted(node, stage)
    return token.clear


async def made(
    node: Node, change: Change, who: tuple[str, str, Role], *, digest: bytes | None
) -> None:
    """Stage an operator: id, name and role; a refusal for a name that is no good."""
    operator_id, name, role = who
    if _NAME.fullmatch(name) is None or name in _NOBODYS:
        raise BadRequest(
            "An operator's name is 1 to 64 of a-z 0-9 . _ @ -, and nobody else's.",
            "操作员名称为 1-64 位小写字母、数字或 . _ @ -",
            field="name",
        )
    if await live(node, name) is not None:
        raise Duplicate("There is such an operator already.", "操作员已存在")
    change.insert(
        OperatorRow(
            operator_id=operator_id,
            name=name,
            role=role,
            digest=digest,
            created_at=node.now(),
        )
    )


async def revoke(node: Node, name: str) -> None:
    """Refuse an operator's token and sessions from now on; the name is free again."""

    async def stage(change: Change, log: Log) -> None:
        row = await live(node, name)
        if row is None:
            raise _nobody()
        revoked(node, change, row)
        deed = Deed(act="revokeOperator", subject=name)
        log.enter(node, change, COMMAND_LINE, deed)

    await enacted(node, stage)


def revoked(node: Node, change: Change, row: OperatorRow) -> OperatorRow:
    """Stage that an operator is one no more; the row as it will stand."""
    over = msgspec.structs.replace(row, revoked_at=node.now())
    change.update(over, version=row.version)
    return over


async def one(node: Node, operator_id: str) -> OperatorRow:
    """Of an id; a refusal where there is none, or none any more."""
    row = await node.journal.load(OperatorRow, operator_id)
    if row is None or row.revoked_at is not None:
        raise _nobody()
    return row


async def name_of(node: Node, operator_id: str) -> str:
    """Whose id it is or was, as the log tells it; the id where it is nobody's."""
    row = await node.journal.load(OperatorRow, operator_id)
    return operator_id if row is None else row.name


async def every(node: Node) -> list[OperatorRow]:
    """All there are and were, by name and then by age."""
    rows = await node.journal.every(OperatorRow)
    return sorted(rows, key=lambda row: (row.name, row.created_at))


async def live(node: Node, name: str) -> OperatorRow | None:
    """Who has a name now."""
    rows = await node.journal.every(OperatorRow)
    return next((o for o in rows if o.name == name and o.revoked_at is None), None)


def unauthorized() -> Unauthorized:
    """For whatever was sent that is not good, and where nothing was."""
    return Unauthorized(
        "The operator's token or session is missing or not valid.",
        "操作员令牌或会话缺失或无效",
    )


def _nobody() -> DataNotExist:
    return DataNotExist("There is no such operator.", "操作员不存在")
