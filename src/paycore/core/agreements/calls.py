"""One call about an agreement: recorded, made, and heard, in two commits.

The caller's idempotency key rides in both. A commit that is refused has written
nothing: somebody else was first, and what stands is read anew.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from paycore.cards import service as cards
from paycore.cards.rows import AgreementRow, CardRow
from paycore.core.agreements.rows import SigningRow, SlotRow
from paycore.core.agreements.signing import Signing
from paycore.core.agreements.states import AgreementStatus
from paycore.core.chain import GuardRefused
from paycore.core.keys import Key
from paycore.gateway import service as gateway
from paycore.gateway.call import Ask, CardFacts, Operation
from paycore.gateway.service import Answer, Prepared
from paycore.kernel.ids import SIGNING_LEGS
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.kernel.terms import AttemptId

INST_TRANS_ID = "SIGNING"
"""Signings are not routed: the business line says where."""

_WITH_CARD = frozenset({Operation.SIGN, Operation.SIGN_CONFIRM})
"""Some banks want the card's facts at both steps."""


@dataclass(slots=True, kw_only=True)
class Call:
    """A passage of one agreement: what it has, and what it is about to write."""

    node: Node
    card: CardRow
    signing: Signing
    change: Change
    key: Key | None = None
    made: AgreementRow | None = None
    """The row of the vault, where this passage makes it."""

    async def commit(self) -> None:
        """Write what is staged; GuardRefused where somebody was first."""
        self.signing.stage(self.change)
        if self.key is not None:
            self.key.stage(self.change)
        refused = await self.node.journal.commit(self.change)
        if refused is not None:
            raise GuardRefused(refused)
        self.signing.stored()
        if self.key is not None:
            self.key.stored()
        self.change = self.node.change()

    async def ask(
        self,
        operation: Operation,
        request_no: str,
        *,
        about: Operation | None = None,
        code: str | None = None,
        token: str | None = None,
    ) -> tuple[Prepared, Answer]:
        """Record the call with its lease, then make it."""
        node, timeout_s = self.node, self.node.settings.enquiry_timeout_s
        ask = self._ask(operation, request_no, about=about, code=code, token=token)
        prepared = await gateway.prepare(node, ask, self.change)
        lease = node.lease_for(timeout_s)
        look_at = node.now() + timedelta(seconds=node.settings.lease_s)
        self.signing.lease(lease.epoch, until=lease.until, look_at=look_at)
        if operation is not Operation.ENQUIRE:
            self.signing.quiet_after(lease.until + timedelta(seconds=timeout_s))
        await self.commit()
        answer = await gateway.send(node, prepared, lease)
        gateway.conclude(node, prepared, answer, self.change)
        if operation is not Operation.ENQUIRE:
            self.signing.quiet_after(node.now())
        return prepared, answer

    def _ask(
        self,
        operation: Operation,
        request_no: str,
        *,
        about: Operation | None,
        code: str | None,
        token: str | None,
    ) -> Ask:
        node, row = self.node, self.signing.row
        base = node.settings.public_url
        ends = Operation.REVOKE in (operation, about)
        return Ask(
            operation=operation,
            pay_order_no=row.signing_no,
            attempt_seq=SIGNING_LEGS + int(request_no[-2:]),
            request_no=AttemptId(request_no),
            inst_trans_id=INST_TRANS_ID,
            channel=row.channel,
            account=row.account,
            amount=0,
            currency="",
            asked_at=node.now(),
            timeout_s=node.settings.enquiry_timeout_s,
            card_id=row.card_id,
            card=_facts(node, self.card) if operation in _WITH_CARD else None,
            agreement=token,
            code=code,
            card_tail=self.card.tail,
            notify_url=f"{base}/callbacks/{row.channel}/{row.account}"
            if base
            else None,
            # A revocation's moment is nowhere kept: it is known by what it ends.
            opened_at=None if ends else row.created_at,
            original_request_no=AttemptId(self.signing.request_no) if ends else None,
            original_opened_at=row.created_at if ends else None,
            enquired_operation=about,
        )

    # What a new status brings with it, in the same commit

    def follow(self, before: AgreementStatus, token: str | None = None) -> None:
        """Stage what the vault, the card and the place must say from now on."""
        row = self.signing.row
        if row.status is AgreementStatus.ACTIVE and before is not row.status:
            self._activate(token)
        elif token is not None and row.status is AgreementStatus.REVOKING:
            self.change.insert(self._given(token, status=cards.REVOKED))
        if not row.status.final:
            return
        self.change.amend(SlotRow, (row.slot,), self._freed)
        if before is AgreementStatus.PENDING:
            self.card = _as(self.card, row.status, row.ended_at)
            self.change.amend(CardRow, (row.card_id,), self._card_ended)
        elif before is AgreementStatus.ACTIVE and row.status is AgreementStatus.REVOKED:
            key = (row.card_id, row.pay_type, row.channel, row.account)
            self.change.amend(AgreementRow, key, cards.ended)

    def _activate(self, token: str | None) -> None:
        assert token is not None, "active is what the bank gave a number for"
        self.made = self._given(token)
        self.change.insert(self.made)
        self.card = replace(self.card, status=cards.ACTIVE)
        self.change.amend(CardRow, (self.card.card_id,), _activated)

    def _given(self, token: str, *, status: str = cards.ACTIVE) -> AgreementRow:
        row = self.signing.row
        return cards.signed(
            self.node,
            row.card_id,
            cards.GivenAgreement(
                pay_type=row.pay_type,
                channel=row.channel,
                account=row.account,
                token=token,
                single_limit=row.single_limit,
                daily_limit=row.daily_limit,
                ends_at=row.ends_at,
            ),
            status=status,
        )

    def _freed(self, slot: SlotRow) -> SlotRow:
        mine = slot.holder == self.signing.row.signing_no
        return replace(slot, holder="") if mine else slot

    def _card_ended(self, card: CardRow) -> CardRow:
        return _as(card, self.signing.row.status, self.signing.row.ended_at)


async def load(node: Node, row: SigningRow) -> Call:
    """A passage over an agreement that is on record."""
    card = await node.journal.load(CardRow, row.card_id)
    assert card is not None, "a card is never deleted"
    return Call(node=node, card=card, signing=Signing(row), change=node.change())


def _activated(card: CardRow) -> CardRow | None:
    """Refused where the card was revoked meanwhile: then the agreement is as well."""
    return replace(card, status=cards.ACTIVE) if card.status == cards.PENDING else None


def _as(card: CardRow, status: AgreementStatus, at: datetime | None) -> CardRow:
    """A card that waited for the agreement is what became of it."""
    if card.status != cards.PENDING:
        return card
    revoked = status is AgreementStatus.REVOKED
    return replace(card, status=status.value, revoked_at=at if revoked else None)


def _facts(node: Node, card: CardRow) -> CardFacts:
    facts = cards.facts(node, card)
    return CardFacts(
        number=facts.number, name=facts.name, id_no=facts.id_no, phone=facts.phone
    )
