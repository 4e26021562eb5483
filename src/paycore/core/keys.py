"""Idempotency keys: one row a key, staged with the first commit of the work, answered
with its last. What is never stored: a refusal, and a 5xx.

A key without an answer means that its work is being done, or that its node died. Then
the key goes on from what is recorded: `taken_over` says whether to answer from the
state or to do the work afresh.
"""

from collections.abc import Callable
from datetime import timedelta

import msgspec
from msgspec.structs import replace

from paycore.core.rows import IdempotencyRow, PaymentRow, RefundRow
from paycore.kernel import errors
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import PayOrderNo

RETENTION = timedelta(hours=24)
"""Published in the API description; at least what the field promises."""

GUARD = "idempotency_key"
TIMES_TO_TRY = 5


class KeyClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A caller's key, as the surface read it."""

    scope: bytes
    """SHA-256 over business line, API key, method and path, key."""
    fingerprint: bytes
    """Keyed hash over the canonical body, which may hold a code or a card."""


class KeptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is (now) stored under its key."""

    status: int
    body: bytes
    replayed: bool = False


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer is made from."""

    payment: PaymentRow
    tries_left: int | None = None
    created: bool = False
    refunded: int = 0
    """What of the order was given back."""
    refund: RefundRow | None = None
    """Where the answer is about a refund of the payment."""


AnswerOf = Callable[[View], tuple[int, bytes]]


class Key:
    """A key in the hands of one passage: staged like any other row."""

    def __init__(self, row: IdempotencyRow, stored: IdempotencyRow | None) -> None:
        self.row = row
        self._stored = stored

    @classmethod
    def fresh(cls, node: Node, claim: KeyClaim, no: PayOrderNo | None) -> "Key":
        """A key met for the first time, or so we hope: its guard will tell."""
        now = node.now()
        return cls(
            IdempotencyRow(
                scope=claim.scope,
                fingerprint=claim.fingerprint,
                pay_order_no=no,
                created_at=now,
                expires_at=now + RETENTION,
                lease_epoch=node.epoch,
                lease_until=node.lease_until(),
            ),
            None,
        )

    @classmethod
    def again(cls, node: Node, row: IdempotencyRow) -> "Key":
        """A key whose work died with its node, taken over."""
        taken = replace(row, lease_epoch=node.epoch, lease_until=node.lease_until())
        return cls(taken, row)

    @classmethod
    def renewed(cls, node: Node, claim: KeyClaim, over: IdempotencyRow) -> "Key":
        """A key whose retention is over: new again, in the place of the old row."""
        return cls(cls.fresh(node, claim, None).row, over)

    def of(self, no: PayOrderNo | None) -> "Key":
        """The same key, naming the payment it is now for."""
        if self.row.pay_order_no != no:
            self.row = replace(self.row, pay_order_no=no)
        return self

    def answer(self, node: Node, status: int, body: bytes) -> None:
        """The first completed answer: the key is done."""
        self.row = replace(
            self.row,
            status=status,
            body=body,
            expires_at=node.now() + RETENTION,
            lease_epoch=None,
            lease_until=None,
        )

    def let_go(self) -> None:
        """It came to nothing: whoever has the key may try again at once."""
        self.row = replace(self.row, lease_epoch=None, lease_until=None)

    @property
    def is_taken_over(self) -> bool:
        """Whether work began under it before: that of another passage, which died or
        came to nothing.
        """
        stored = self._stored
        return stored is not None and stored.created_at == self.row.created_at

    @property
    def is_stored(self) -> bool:
        """Whether the key is in the database by now."""
        return self._stored is not None

    def stage(self, change: Change) -> None:
        """Stage what differs from what is stored."""
        if self._stored is None:
            change.insert(self.row, guard=GUARD)
        elif self.row is not self._stored:
            change.update(self.row, version=self._stored.version, guard=GUARD)

    def stored(self) -> None:
        """The commit succeeded."""
        if self._stored is not None and self.row is not self._stored:
            self.row = replace(self.row, version=self._stored.version + 1)
        self._stored = self.row


def kept(row: IdempotencyRow, claim: KeyClaim, node: Node) -> KeptAnswer | None:
    """The answer that stands under a key, None where its work died without one.

    Raises KeyConflict for another body, InFlight while the work is being done. Another
    body first: no waiting makes it the same, so nobody is told to come again with it.
    """
    if row.fingerprint != claim.fingerprint:
        raise errors.KeyConflict
    if row.status is not None and row.body is not None:
        return KeptAnswer(status=row.status, body=row.body, replayed=True)
    if leased(node, row.lease_epoch) and not node.lease_is_over(row.lease_until):
        raise errors.InFlight(retry_after_s=1)
    return None


def leased(node: Node, epoch: int | None) -> bool:
    """Whether a lease is held by a life that still lives."""
    return epoch in node.heartbeat.live


async def claimed(node: Node, claim: KeyClaim) -> "KeptAnswer | Key":
    """The answer that stands under a key; else the key, to be staged with the work:
    fresh, renewed after its retention, or taken over from work that died.
    """
    standing = await node.journal.load(IdempotencyRow, claim.scope)
    if standing is None:
        return Key.fresh(node, claim, None)
    if standing.expires_at <= node.now():
        return Key.renewed(node, claim, standing)
    return kept(standing, claim, node) or Key.again(node, standing)


async def look_up(node: Node, claim: KeyClaim) -> IdempotencyRow | None:
    """The row of a key that is not past its retention."""
    row = await node.journal.load(IdempotencyRow, claim.scope)
    return row if row is None or row.expires_at > node.now() else None


async def once(
    node: Node,
    claim: KeyClaim,
    stage: Callable[[Change], tuple[int, bytes]],
    *,
    no: PayOrderNo | None = None,
) -> KeptAnswer:
    """Work that is one commit: its rows and the answer under the key, or neither; `no`
    is the payment that the answer is about.
    """
    over: IdempotencyRow | None = None
    for _ in range(TIMES_TO_TRY):
        change = node.change()
        status, body = stage(change)
        key = Key.renewed(node, claim, over) if over else Key.fresh(node, claim, None)
        key = key.of(no)
        key.answer(node, status, body)
        key.stage(change)
        refused = await node.journal.commit(change)
        if refused is None:
            return KeptAnswer(status=status, body=body)
        if refused.guard != GUARD:
            raise errors.Duplicate
        standing = await node.journal.load(IdempotencyRow, claim.scope)
        if standing is not None and standing.expires_at <= node.now():
            over = standing
        elif standing is not None and (answer := kept(standing, claim, node)):
            return answer
    raise errors.Unavailable(retry_after_s=1)
