"""One operator of each role for `paycore dev`, with a password and codes that are kept
in its folder: so that somebody can log in at once. Nowhere else are there such.
"""

import secrets
from datetime import timedelta

import msgspec
import pyotp

from paycore.dev.folder import Kept, KeptOperator
from paycore.kernel.node import Node
from paycore.operators import logins, service
from paycore.operators.roles import Role
from paycore.operators.rows import LoginRow
from paycore.operators.totp import STEP_S

PASSWORD_OCTETS = 12


class SeededOperator(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody needs to log in."""

    name: str
    role: Role
    password: str
    totp_secret: str


async def seed(node: Node, kept: Kept) -> tuple[list[SeededOperator], Kept]:
    """Make those that are missing, each named as its role; and what is to be kept."""
    found = {role: await _one(node, role, kept.operators.get(role)) for role in Role}
    people = [
        SeededOperator(
            name=role, role=role, password=one.password, totp_secret=one.totp_secret
        )
        for role, one in found.items()
    ]
    known = {str(role): one for role, one in found.items()}
    return people, msgspec.structs.replace(kept, operators=known)


async def _one(node: Node, role: Role, known: KeptOperator | None) -> KeptOperator:
    if known is not None and await _may_log_in(node, role):
        return known
    if (other := await service.live(node, role)) is not None and other.role is not role:
        await service.revoke(node, role)
    invitation = (await logins.invite(node, role, role)).clear
    password = secrets.token_urlsafe(PASSWORD_OCTETS)
    secret = (await logins.enrol(node, invitation, password)).totp_secret
    # The code of a step ago: the one of now is left for whoever logs in at once.
    before = node.now() - timedelta(seconds=STEP_S)
    code = pyotp.TOTP(secret, interval=STEP_S).at(before)
    await logins.confirm(node, invitation, password, code)
    return KeptOperator(password=password, totp_secret=secret)


async def _may_log_in(node: Node, role: Role) -> bool:
    row = await service.live(node, role)
    if row is None or row.role is not role:
        return False
    login = await node.journal.load(LoginRow, row.operator_id)
    return login is not None and login.enrolled_at is not None
