"""What somebody logs in with: invited to make it, enrolled, changed.

An invitation is `oi_<operator id>_<secret>`, good once and for a day. Whoever has it
chooses a password and is given the secret of his codes, which a code confirms. From a
second invitation on what there was before is good for nothing: that is what a lost
device needs.
"""

from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from paycore.kernel.bearer import Bearer
from paycore.kernel.errors import BadRequest, Forbidden, Unauthorized
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.operators import service
from paycore.operators.log import COMMAND_LINE, Actor, Deed, Log, enacted
from paycore.operators.passwords import hasher_of
from paycore.operators.roles import Role
from paycore.operators.rows import LoginRow, OperatorRow
from paycore.operators.service import Operator
from paycore.operators.totp import fresh_secret, step_of, uri_of

PREFIX = "oi"
INVITED_FOR = timedelta(hours=24)
SECRET_OCTETS = 20

SHORTEST, LONGEST = 12, 256
"""Of a password, in characters."""


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """Shown once; of its secret a hash is kept."""

    operator_id: str
    clear: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Invitation({self.operator_id})"


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """What a program for codes is told, once."""

    totp_secret: str
    otpauth_uri: str

    def __repr__(self) -> str:
        return "Enrolment(...)"


async def invite(node: Node, name: str, role: Role) -> Invitation:
    """Make an operator who may enrol; or, of that name and role, invite him anew."""

    async def stage(change: Change, log: Log) -> Invitation:
        row = await service.live(node, name)
        if row is not None and row.role is role:
            invitation = await invited(node, change, row.operator_id)
        else:
            invitation = await newcomer(node, change, name, role)
        deed = Deed(act="inviteOperator", subject=name, detail={"role": role})
        log.enter(node, change, COMMAND_LINE, deed)
        return invitation

    return await enacted(node, stage)


async def newcomer(node: Node, change: Change, name: str, role: Role) -> Invitation:
    """Stage an operator without a token, and an invitation."""
    operator_id = Bearer.fresh(node.ids, PREFIX).id
    await service.made(node, change, (operator_id, name, role), digest=None)
    return await invited(node, change, operator_id)


async def invited(node: Node, change: Change, operator_id: str) -> Invitation:
    """Stage an invitation, in the place of whatever there was."""
    fresh = Bearer.fresh(node.ids, PREFIX)
    token = Bearer(PREFIX, operator_id, fresh.secret)
    row = await node.journal.load(LoginRow, operator_id)
    until = node.now() + INVITED_FOR
    login = LoginRow(
        operator_id=operator_id,
        generation=1 if row is None else row.generation + 1,
        invitation=token.digest,
        invited_until=until,
        password=None,
        totp=None,
        step=0 if row is None else row.step,
    )
    if row is None:
        change.insert(login)
    else:
        change.update(login, version=row.version)
    return Invitation(operator_id=operator_id, clear=token.clear, expires_at=until)


async def enrol(node: Node, invitation: str, password: str) -> Enrolment:
    """Choose a password and be given the secret of the codes; good once a code has
    confirmed it, until then it may be done again.
    """
    refuse_short(password)
    await _invited(node, invitation)
    with hasher_of(node).room():
        hashed = await hasher_of(node).hashed(password)
    secret = fresh_secret(node.ids.token(SECRET_OCTETS))

    async def stage(change: Change, log: Log) -> str:
        operator, row = await _invited(node, invitation)
        sealed = seal(node, row.operator_id, secret)
        chosen = replace(row, password=hashed, totp=sealed)
        change.update(chosen, version=row.version)
        deed = Deed(act="beginEnrolment", subject=operator.name)
        log.enter(node, change, _actor(operator), deed)
        return operator.name

    name = await enacted(node, stage)
    return Enrolment(totp_secret=secret, otpauth_uri=uri_of(secret, name))


async def confirm(node: Node, invitation: str, password: str, code: str) -> str:
    """The first code: from now on password and codes are good, no invitation is; whose
    they are.
    """
    asked_at = node.now()  # a code is of when it was sent, however long hashing takes
    _, seen = await _invited(node, invitation)
    with hasher_of(node).room():
        good = await hasher_of(node).matches(seen.password, password)
    if not good or seen.totp is None:
        raise _wrong()

    async def stage(change: Change, log: Log) -> str:
        operator, row = await _invited(node, invitation)
        if row.password != seen.password:
            raise _wrong()
        step = step_of(opened(node, row), code, asked_at, after=row.step)
        if step is None:
            raise _wrong()
        enrolled = replace(
            row,
            generation=row.generation + 1,
            invitation=None,
            invited_until=None,
            step=step,
            enrolled_at=node.now(),
        )
        change.update(enrolled, version=row.version)
        deed = Deed(act="enrol", subject=operator.name)
        log.enter(node, change, _actor(operator), deed)
        return operator.name

    return await enacted(node, stage)


async def change_password(
    node: Node, operator: Operator, old: tuple[str, str], new: str
) -> None:
    """Another password, by the old one and a code: all of the operator's sessions end,
    this one too. For who has room to hash.
    """
    refuse_short(new)
    (password, code), asked_at = old, node.now()
    seen = await node.journal.load(LoginRow, operator.operator_id)
    kept = None if seen is None else seen.password
    if not await hasher_of(node).matches(kept, password):
        raise _refused()
    hashed = await hasher_of(node).hashed(new)

    async def stage(change: Change, log: Log) -> None:
        by = await service.again(node, operator)
        row = await node.journal.load(LoginRow, operator.operator_id)
        if row is None or row.password != kept or row.enrolled_at is None:
            raise _refused()
        step = step_of(opened(node, row), code, asked_at, after=row.step)
        if step is None:
            raise _refused()
        changed = replace(
            row, password=hashed, step=step, generation=row.generation + 1
        )
        change.update(changed, version=row.version)
        log.enter(node, change, by, Deed(act="changePassword", subject=by.name))

    await enacted(node, stage)


def refuse_short(password: str) -> None:
    """A password is long; what is in it is its owner's business."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadRequest(
            f"A password has {SHORTEST} to {LONGEST} characters.",
            f"密码长度为 {SHORTEST}-{LONGEST} 个字符",
            field="password",
        )


def seal(node: Node, operator_id: str, secret: str) -> bytes:
    """The secret of somebody's codes as it is kept."""
    return node.key_ring.seal(secret.encode(), context=_context(operator_id))


def opened(node: Node, row: LoginRow) -> str:
    """The secret of somebody's codes."""
    assert row.totp is not None, "it is chosen with the password"
    return node.key_ring.open(row.totp, context=_context(row.operator_id)).decode()


async def reseal(node: Node, row: LoginRow) -> bool:
    """Seal with the active key; False where the row has changed meanwhile."""
    sealed = seal(node, row.operator_id, opened(node, row))
    change = node.change()
    change.update(replace(row, totp=sealed), version=row.version)
    return await node.journal.commit(change) is None


def _context(operator_id: str) -> bytes:
    return f"operators_login:{operator_id}".encode()


async def _invited(node: Node, invitation: str) -> tuple[OperatorRow, LoginRow]:
    """Whose invitation it is; Unauthorized for all that are not good, or no more."""
    token = Bearer.read(invitation, PREFIX)
    row = None if token is None else await node.journal.load(LoginRow, token.id)
    if token is None or row is None or not token.matches(row.invitation):
        raise _not_invited()
    if row.invited_until is None or row.invited_until <= node.now():
        raise _not_invited()
    operator = await node.journal.load(OperatorRow, token.id)
    if operator is None or operator.revoked_at is not None:
        raise _not_invited()
    return operator, row


def _actor(row: OperatorRow) -> Actor:
    return service.operator_of(row)


def _not_invited() -> Unauthorized:
    return Unauthorized("The invitation is not valid, or no more.", "邀请无效或已过期")


def _wrong() -> Unauthorized:
    return Unauthorized("Password or code is wrong.", "密码或动态码有误")


def _refused() -> Forbidden:
    """The session is good all the same."""
    return Forbidden("Password or code is wrong.", "密码或动态码有误")
