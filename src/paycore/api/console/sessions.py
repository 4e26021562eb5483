"""Logging in to the console and out, and enrolling: outside of /v1, because what goes
to and fro here is secret and no answer of it may be kept under a key.
"""

from litestar import Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.enums import MediaType

from paycore.api.answers import NO_STORE, encode, found
from paycore.api.auth import (
    cookie_of,
    is_loopback,
    refuse_foreign,
    session_cookie,
    session_of,
)
from paycore.api.console.schema import (
    BeginEnrolment,
    ChangePassword,
    ConfirmEnrolment,
    ConsoleSession,
    EnrolmentBegun,
    LogIn,
)
from paycore.api.contract import DEVICE_COOKIE, Call
from paycore.api.decode import Shape, canonical
from paycore.api.door import Plain, body_of, door_of
from paycore.kernel.errors import Forbidden, TooMany
from paycore.operators import devices, logins, sessions
from paycore.operators.roles import ALLOWS
from paycore.operators.sessions import Session, Typed

_LOG_IN = Shape(LogIn)
_BEGIN = Shape(BeginEnrolment)
_CONFIRM = Shape(ConfirmEnrolment)
_CHANGE = Shape(ChangePassword)


@post(
    "/console/session",
    status_code=200,
    opt={
        "call": Call(
            name="logIn",
            summary="Log in: the session is in a cookie, which no script can read",
            takes=LogIn,
            gives=((200, ConsoleSession),),
            refuses=(Forbidden, TooMany),
            door=True,
        )
    },
)
async def log_in(request: Plain) -> Response[bytes]:
    """Log in by name, password and code."""
    refuse_foreign(request, silent=True)
    asked = _LOG_IN.decode(await _read(request))
    typed = Typed(
        name=asked.name,
        password=asked.password,
        code=asked.code,
        device=_device(request, asked.name),
    )
    session, cookie = await sessions.log_in(
        door_of(request).node, typed, old=cookie_of(request, session_cookie(request))
    )
    return Response(
        encode(_shown(session)),
        media_type=MediaType.JSON,
        headers=NO_STORE,
        cookies=[
            _cookie(request, cookie, int(sessions.AT_MOST.total_seconds())),
            _remembered(request, typed.name, typed.device),
        ],
    )


@get(
    "/console/session",
    opt={
        "call": Call(
            name="getSession",
            summary="Who has logged in",
            gives=((200, ConsoleSession),),
            door=True,
        )
    },
)
async def get_session(request: Plain) -> Response[bytes]:
    """Who has logged in with the cookie that came."""
    node, cookie = door_of(request).node, cookie_of(request, session_cookie(request))
    return found(_shown(await sessions.session_of(node, cookie)))


@delete(
    "/console/session",
    status_code=204,
    opt={
        "call": Call(
            name="logOut",
            summary="Log out: the cookie is good for nothing from then on",
            gives=((204, None),),
            refuses=(Forbidden,),
            door=True,
        )
    },
)
async def log_out(request: Plain) -> Response[None]:
    """End the session."""
    operator = await session_of(request)
    await sessions.log_out(door_of(request).node, operator)
    return Response(
        None, status_code=204, headers=NO_STORE, cookies=[_cookie(request, "", 0)]
    )


@post(
    "/console/session/password",
    status_code=204,
    opt={
        "call": Call(
            name="changePassword",
            summary="Choose another password; all sessions end",
            takes=ChangePassword,
            gives=((204, None),),
            refuses=(Forbidden, TooMany),
            door=True,
        )
    },
)
async def change_password(request: Plain) -> Response[None]:
    """Another password, by the old one and a code."""
    operator = await session_of(request)
    asked = _CHANGE.decode(await _read(request))
    node, old = door_of(request).node, (asked.password, asked.code)
    await sessions.change_password(
        *(node, operator, old, asked.new_password),
        device=_device(request, operator.name),
    )
    return Response(
        None, status_code=204, headers=NO_STORE, cookies=[_cookie(request, "", 0)]
    )


@post(
    "/console/enrolment",
    status_code=200,
    opt={
        "call": Call(
            name="beginEnrolment",
            summary="Choose a password, and be given the secret of the codes",
            takes=BeginEnrolment,
            gives=((200, EnrolmentBegun),),
            refuses=(Forbidden, TooMany),
            door=True,
        )
    },
)
async def begin_enrolment(request: Plain) -> Response[bytes]:
    """An invited operator chooses a password."""
    refuse_foreign(request, silent=True)
    asked = _BEGIN.decode(await _read(request))
    begun = await logins.enrol(door_of(request).node, asked.invitation, asked.password)
    return found(
        EnrolmentBegun(totp_secret=begun.totp_secret, otpauth_uri=begun.otpauth_uri)
    )


@post(
    "/console/enrolment/confirm",
    status_code=204,
    opt={
        "call": Call(
            name="confirmEnrolment",
            summary="The first code: from now on one may log in",
            takes=ConfirmEnrolment,
            gives=((204, None),),
            refuses=(Forbidden, TooMany),
            door=True,
        )
    },
)
async def confirm_enrolment(request: Plain) -> Response[None]:
    """An invited operator has a code."""
    refuse_foreign(request, silent=True)
    asked = _CONFIRM.decode(await _read(request))
    name = await logins.confirm(
        door_of(request).node, asked.invitation, asked.password, asked.code
    )
    return Response(
        None,
        status_code=204,
        headers=NO_STORE,
        cookies=[_remembered(request, name, _device(request, name))],
    )


async def _read(request: Plain) -> bytes:
    """The body, of which no member is there twice: nothing is kept of it."""
    body = await body_of(request)
    canonical(body)
    return body


def _shown(session: Session) -> ConsoleSession:
    who = session.operator
    return ConsoleSession(
        name=who.name,
        role=who.role,
        may=sorted(ALLOWS[who.role]),
        expires_at=session.ends_at,
    )


def _device(request: Plain, name: str) -> str:
    """Which of an operator's browsers it came from; empty where it is none of his."""
    sent = cookie_of(request, DEVICE_COOKIE)
    return devices.known(door_of(request).node, name, sent)


def _remembered(request: Plain, name: str, device: str) -> Cookie:
    """What a browser is known by, when a name is locked: only logging in sees it."""
    return Cookie(
        key=DEVICE_COOKIE,
        value=devices.remembered(door_of(request).node, name, device),
        max_age=int(devices.LASTS.total_seconds()),
        path="/console/session",
        httponly=True,
        samesite="strict",
        secure=not is_loopback(request),
    )


def _cookie(request: Plain, value: str, lasts_s: int) -> Cookie:
    return Cookie(
        key=session_cookie(request),
        value=value,
        max_age=lasts_s,
        path="/",
        httponly=True,
        samesite="strict",
        secure=not is_loopback(request),
    )
