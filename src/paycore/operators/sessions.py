"""Logging in and out of the console, and whose session a cookie is.

A session is a row; of the cookie's secret a hash is kept. It ends half an hour after it
was last used, twelve hours after it began, with its log-in (another password, another
invitation) and with its operator. A try is counted before anything is compared, so that
a hundred at once are not a hundred guesses; whether there is somebody of a name cannot
be told from what is answered, nor from how long it takes.
"""

from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from paycore.kernel import log as logs
from paycore.kernel.bearer import Bearer
from paycore.kernel.crypto import keyed_hash
from paycore.kernel.errors import Forbidden, Refusal, TooMany, Unauthorized
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.operators import logins, service
from paycore.operators.log import Deed, Log, enacted
from paycore.operators.logins import opened
from paycore.operators.passwords import hasher_of
from paycore.operators.rows import LoginRow, OperatorRow, SessionRow, TriesRow
from paycore.operators.service import Operator
from paycore.operators.totp import step_of

PREFIX = "cs"
IDLE = timedelta(minutes=30)
AT_MOST = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)

FREE_TRIES = 5
FIRST_LOCK = timedelta(seconds=30)
LONGEST_LOCK = timedelta(hours=1)
REMEMBERED = timedelta(days=1)
"""Wrong tries are forgotten so long after the last."""
TIMES_TO_TRY = 20

_log = logs.get(__name__)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who has logged in, and until when at the latest."""

    operator: Operator
    ends_at: datetime


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody logs in with."""

    name: str
    password: str
    code: str
    device: str = ""
    """Which of his browsers it was typed in, where it is one (`devices`)."""

    def __repr__(self) -> str:
        return "Typed(...)"


async def log_in(node: Node, typed: Typed, old: str = "") -> tuple[Session, str]:
    """A session and its cookie; Unauthorized alike for all that is wrong, TooMany for
    a name that was tried too often, and where there is no room, which is no try.
    `old`, a cookie that was sent, ends with it.
    """
    with hasher_of(node).room():
        tries = await _counted(node, typed.name, typed.device)
        row = await service.live(node, typed.name)
        if (made := await _let_in(node, typed, row, tries, old)) is not None:
            return made
        await _turned_away(node, row, tries)
    _log.warning("log_in_refused", operator=None if row is None else row.name)
    raise _wrong()


async def authenticate(node: Node, cookie: str) -> Operator:
    """Whose session it is; Unauthorized for every cookie that is not good."""
    session = await session_of(node, cookie)
    return session.operator


async def session_of(node: Node, cookie: str) -> Session:
    """The same, with its end; that it was used is written down by the minute."""
    token = Bearer.read(cookie, PREFIX)
    if token is None:
        raise service.unauthorized()
    row = await node.journal.load(SessionRow, token.id)
    now = node.now()
    if row is None or not token.matches(row.digest) or not _is_open(row, now):
        raise service.unauthorized()
    login = await node.journal.load(LoginRow, row.operator_id)
    operator = await node.journal.load(OperatorRow, row.operator_id)
    if login is None or login.generation != row.generation:
        raise service.unauthorized()
    if operator is None or operator.revoked_at is not None:
        raise service.unauthorized()
    if now - row.seen_at >= SEEN_EVERY:
        change = node.change()
        change.update(replace(row, seen_at=now), version=row.version)
        await node.journal.commit(change)  # refused where somebody else wrote it
    return Session(
        operator=service.operator_of(operator, row.session_id), ends_at=row.ends_at
    )


async def log_out(node: Node, operator: Operator) -> None:
    """End a session; its cookie is good for nothing from then on."""

    async def stage(change: Change, log: Log) -> None:
        assert operator.session_id is not None, "a token is no session"
        row = await node.journal.load(SessionRow, operator.session_id)
        if row is None or row.ended_at is not None:
            return
        change.update(replace(row, ended_at=node.now()), version=row.version)
        log.enter(node, change, operator, Deed(act="logOut", subject=operator.name))

    await enacted(node, stage)


async def change_password(
    node: Node, operator: Operator, old: tuple[str, str], new: str, device: str = ""
) -> None:
    """Another password, by the old one and a code; wrong ones count as wrong tries to
    log in, from the same browser, and are entered. All of the operator's sessions end.
    """
    logins.refuse_short(new)
    with hasher_of(node).room():
        tries = await _counted(node, operator.name, device)
        try:
            await logins.change_password(node, operator, old, new)
        except Forbidden:
            row = await service.live(node, operator.name)
            await _turned_away(node, row, tries, act="changePasswordRefused")
            raise
    change = node.change()
    await _forget(node, change, tries)
    await node.journal.commit(change)  # refused where somebody tries meanwhile


def _is_open(row: SessionRow, now: datetime) -> bool:
    return row.ended_at is None and now < row.ends_at and now - row.seen_at < IDLE


# --- letting in -----------------------------------------------------------------------


async def _let_in(
    node: Node, typed: Typed, row: OperatorRow | None, tries: TriesRow, old: str
) -> tuple[Session, str] | None:
    """A session where password and code are right; None where anything is not."""
    login, asked_at = None, node.now()
    if row is not None:
        login = await node.journal.load(LoginRow, row.operator_id)
    enrolled = login is not None and login.enrolled_at is not None
    kept = login.password if login is not None and enrolled else None
    good = await hasher_of(node).matches(kept, typed.password)
    if not good or row is None or login is None:
        return None
    token, seen = Bearer.fresh(node.ids, PREFIX), login

    async def stage(change: Change, log: Log) -> Session | None:
        operator = await node.journal.load(OperatorRow, row.operator_id)
        login = await node.journal.load(LoginRow, row.operator_id)
        if operator is None or operator.revoked_at is not None:
            return None
        if login is None or login.generation != seen.generation:
            return None
        now = node.now()
        step = step_of(opened(node, login), typed.code, asked_at, after=login.step)
        if step is None:
            return None
        change.update(replace(login, step=step), version=login.version)
        await _forget(node, change, tries)
        await _end(node, change, old)
        session = SessionRow(
            session_id=token.id,
            operator_id=operator.operator_id,
            generation=login.generation,
            digest=token.digest,
            began_at=now,
            seen_at=now,
            ends_at=now + AT_MOST,
        )
        change.insert(session)
        who = service.operator_of(operator, token.id)
        log.enter(node, change, who, Deed(act="logIn", subject=operator.name))
        return Session(operator=who, ends_at=session.ends_at)

    session = await enacted(node, stage)
    return None if session is None else (session, token.clear)


async def _end(node: Node, change: Change, cookie: str) -> None:
    """Stage the end of the session that somebody had when he logged in anew."""
    token = Bearer.read(cookie, PREFIX)
    row = None if token is None else await node.journal.load(SessionRow, token.id)
    if token is None or row is None or row.ended_at is not None:
        return
    if token.matches(row.digest):
        change.update(replace(row, ended_at=node.now()), version=row.version)


# --- counting tries -------------------------------------------------------------------


async def _counted(node: Node, name: str, device: str) -> TriesRow:
    """One more try under a name, from elsewhere or from a browser of his, written
    before it is looked at; TooMany while that is locked, which no try makes longer.
    """
    whose = (name, device) if device else (name,)
    key = keyed_hash(node.settings.search_key_octets, "operators_tries", *whose)
    for _ in range(TIMES_TO_TRY):
        row, now = await node.journal.load(TriesRow, key), node.now()
        if row is not None and row.locked_until is not None and now < row.locked_until:
            raise TooMany(retry_after_s=_seconds(row.locked_until - now))
        change = node.change()
        counted = TriesRow(
            name=key,
            wrong=1 if row is None or row.expires_at <= now else row.wrong + 1,
            tried_at=now,
            locked_until=None,
            expires_at=now + REMEMBERED,
        )
        counted = replace(counted, locked_until=_locked(counted.wrong, now))
        if row is None:
            change.insert(counted)
        else:
            counted = replace(counted, version=row.version)
            change.update(counted, version=row.version)
        if await node.journal.commit(change) is None:
            return counted
    raise TooMany(retry_after_s=1)


def _locked(wrong: int, now: datetime) -> datetime | None:
    """Until when nothing is tried after so many that were not good: each time twice as
    long.
    """
    if wrong < FREE_TRIES:
        return None
    doubled: timedelta = FIRST_LOCK * 2 ** min(wrong - FREE_TRIES, 16)
    return now + min(doubled, LONGEST_LOCK)


def _seconds(left: timedelta) -> int:
    return int(left.total_seconds()) + 1


async def _forget(node: Node, change: Change, tries: TriesRow) -> None:
    """Stage that the tries came to a good end."""
    row = await node.journal.load(TriesRow, tries.name)
    assert row is not None, "it was counted, and is kept for a day"
    none = replace(row, wrong=0, locked_until=None)
    change.update(none, version=row.version)


async def _turned_away(
    node: Node, row: OperatorRow | None, tries: TriesRow, *, act: str = "logInRefused"
) -> None:
    """Enter a try that was not good under the name of whom it was tried; where there is
    nobody of the name, as much is written, and nothing of it.
    """

    async def stage(change: Change, log: Log) -> None:
        if row is not None:
            by = service.operator_of(row)
            log.enter(node, change, by, Deed(act=act, subject=row.name))
            return
        standing = await node.journal.load(TriesRow, tries.name)
        if standing is not None:
            change.update(standing, version=standing.version)

    await enacted(node, stage)


def _wrong() -> Refusal:
    return Unauthorized("Name, password or code is wrong.", "用户名、密码或动态码有误")
