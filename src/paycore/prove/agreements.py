"""What must hold of agreements, in the moment and at the end: what a bank has equals
what we have, one has its place, and no money is taken under what we know is over.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from paycore.cards import vault
from paycore.cards.rows import AgreementRow, CardRow
from paycore.core.agreements.rows import (
    AgreementTransitionRow,
    NumberRow,
    SigningRow,
    SlotRow,
)
from paycore.core.agreements.states import AgreementStatus
from paycore.core.rows import AttemptRow, PaymentRow
from paycore.desk.rows import CaseRow
from paycore.kernel.crypto import KeyRing
from paycore.kernel.ids import SIGNING_LEGS, payment_of, signing_request
from paycore.kernel.journal_memory import Written
from paycore.kernel.terms import CardId, PayType, TransType
from paycore.sandbox.orders import Order

if TYPE_CHECKING:
    from paycore.prove.world import World

EXCUSE = "AGREEMENT_UNKNOWN"
"""The case that an agreement may stay open by, where its bank has none."""

ON_ITS_WAY_S = 60.0
"""What a charge may take from its look at the agreement to the record of its leg, with
a database that is away and a node that stands still."""

_OPEN = (AgreementStatus.PENDING, AgreementStatus.REVOKING)

Place = tuple[CardId, PayType, str, str]


class AgreementWatch:
    """Looks at agreements; what it finds is the oracle's to keep."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._ended: dict[Place, float] = {}
        """Since when the vault has it that no money may be taken there any more."""
        self._revoked: set[str] = set()
        """Cards of which a line was told that they are."""

    def _holds(self, good: object, what: str, no: str, invariant: str = "I7") -> None:
        self._world.oracle.holds(invariant, good, what, no)

    # --- in the moment ----------------------------------------------------------------

    def heard(self, said: Mapping[str, Any]) -> None:
        """What a line is told of a signing is so, with us and at the bank."""
        row = self._world.base.within(SigningRow, said["card_id"])[-1]
        if said["signing"] == AgreementStatus.ACTIVE:
            told = row.signed_at is not None and self._signed(row) is not None
            self._holds(told, "signed, it was said, and no bank has", row.signing_no)
        known = said["signing"] in (row.status, *_OPEN, AgreementStatus.ACTIVE)
        self._holds(known, "another end was told", row.signing_no, "I5")

    def revoked(self, card_id: str) -> None:
        """A line is told that its card is revoked."""
        self._revoked.add(card_id)
        rows = self._world.base.within(AgreementRow, card_id)
        live = [row for row in rows if row.status == "ACTIVE"]
        self._holds(not live, "revoked, it was said, and it can be used", "")

    def written(self, old: SigningRow | None, new: SigningRow, rows: Written) -> None:
        """An agreement that others can see from now on."""
        no, world = new.signing_no, self._world
        steps = [r.event for _, r in rows if isinstance(r, AgreementTransitionRow)]
        if world.story is not None:
            said = f"{new.channel} {new.status.value} {new.step} {' '.join(steps)}"
            world.note(None, "agreement", said, no)
        final = old is not None and old.status.final
        self._holds(not final, "a final agreement changed", no, "I5")
        looked = new.status not in _OPEN or new.next_check_at is not None
        self._holds(looked, "an open agreement that nobody looks at", no, "I6")
        before = old.events if old is not None else 0
        told = new.events == before + len(steps)
        self._holds(told, "an agreement moved without a transition", no, "I5")
        self._in_its_place(new)
        moved = old is None or old.status is not new.status
        if moved and new.status is AgreementStatus.ACTIVE:
            self._activated(new)
        elif moved and (new.status is AgreementStatus.REVOKING or new.status.final):
            self._over(new)

    def _in_its_place(self, row: SigningRow) -> None:
        """One agreement per payer, card, payee, kind and account."""
        slot = self._world.base.load(SlotRow, row.slot)
        has_it = slot is not None and slot.holder == row.signing_no
        good = has_it != row.status.final
        self._holds(good, "an agreement and its place disagree", row.signing_no, "I2")

    def _activated(self, row: SigningRow) -> None:
        order, kept = self._signed(row), self._kept(row)
        self._holds(order, "in force, and no bank has signed it", row.signing_no)
        same = order is not None and kept is not None and kept.status == "ACTIVE"
        self._holds(same, "in force, and not in the vault", row.signing_no)
        if order is not None and kept is not None:
            there = self._world.banks[row.channel].agreement(order)
            right = self._token(kept) == there
            self._holds(right, "under another number than its bank's", row.signing_no)

    def _over(self, row: SigningRow) -> None:
        """What is over with us cannot be used, from that very commit on; what is over
        by its term says so itself.
        """
        kept = self._kept(row)
        usable = kept is not None and kept.status == "ACTIVE"
        over = row.status is AgreementStatus.EXPIRED or not usable
        self._holds(over, "over, and it can be used", row.signing_no)

    def kept(self, old: AgreementRow | None, new: AgreementRow) -> None:
        """A row of the vault: remember since when it is over."""
        if new.status != "ACTIVE" and (old is None or old.status == "ACTIVE"):
            place = (new.card_id, new.pay_type, new.channel, new.account)
            self._ended[place] = self._world.loop.time()
        live_again = old is not None and old.status != "ACTIVE" == new.status
        self._holds(not live_again, "what was ended is in force again", new.card_id)

    def leg_begun(self, payment: PaymentRow, leg: AttemptRow) -> None:
        """No charge under what we have known to be over for longer than a charge takes
        from its look to its record.
        """
        deduct = leg.trans_type is TransType.DEDUCT
        kind = PayType.DEDUCT if deduct else PayType.QUICK_PAY
        place = (payment.card_id, kind, leg.channel, leg.account)
        ended = self._ended.get(place)
        good = ended is None or self._world.loop.time() - ended < ON_ITS_WAY_S
        self._holds(good, "charged under what we knew was over", leg.pay_order_no)
        kept = self._world.base.load(AgreementRow, *place)
        self._holds(kept, "charged under nothing", leg.pay_order_no)

    def leaves(self, no: str, seq: int, operation: str) -> None:
        """A call about an agreement: of one on record, a signing in somebody's hands,
        and no code to one that was ended long ago.
        """
        row = self._numbered(no)
        self._holds(row, "a call about an agreement that is not there", no, "I19")
        if row is None or operation not in ("sign", "sign_confirm"):
            return
        self._holds(seq == SIGNING_LEGS + 1, "signed under another number", no, "I19")
        # Whoever revokes takes it out of the hands of him who is confirming it.
        held = row.lease_epoch is not None or row.status is not AgreementStatus.PENDING
        self._holds(held, "a signing in nobody's hands", no, "F48")

    # --- at the end -------------------------------------------------------------------

    def judge(self, cases: Mapping[str, list[CaseRow]]) -> None:
        """Compare agreements with banks, vault, cards and places."""
        base, told = self._world.base, _told(cases)
        rows = {row.signing_no: row for row in base.every(SigningRow)}
        for row in rows.values():
            self._judge(row, told)
        for host, house in self._world.banks.items():
            for order in house.orders.values():
                if order.operation == "sign" and house.stands(order):
                    found = payment_of(order.request_id)
                    assert found is not None, "a number of ours"
                    self._both_have(host, order, rows.get(found[0]))
        for slot in base.every(SlotRow):
            holder = rows.get(slot.holder)  # type: ignore[call-overload]
            taken = holder is not None and not holder.status.final
            good = taken == bool(slot.holder)
            self._holds(good, "a place that is nobody's", slot.holder, "I2")

    def _judge(self, row: SigningRow, told: set[str]) -> None:
        base, no = self._world.base, row.signing_no
        over = settled(self._world, row, told)
        self._holds(over, "an agreement neither ended nor on the desk", no, "I28")
        events = [
            one.seq
            for one in base.within(AgreementTransitionRow, row.card_id)
            if one.signing_no == no
        ]
        good = events == list(range(1, row.events + 1))
        self._holds(good, "its transitions are not one after another", no, "I5")
        card = base.load(CardRow, row.card_id)
        assert card is not None
        waits = card.status == "PENDING"
        same = waits == (row.status is AgreementStatus.PENDING)
        self._holds(same, "a card and its agreement disagree", no)
        gone = row.card_id not in self._revoked or card.status == "REVOKED"
        self._holds(gone, "told that it is revoked, and it is not", no)
        if row.status is AgreementStatus.ACTIVE:
            there, house = self._signed(row), self._world.banks[row.channel]
            stands = there is not None and house.stands(there)
            if there is not None and not house.tells_ends:
                # Who is told of no end hears of it when money is refused.
                stands = stands or there.request_id in house.ended
            self._holds(stands, "in force with us, and not at its bank", no)

    def _both_have(self, host: str, order: Order, row: SigningRow | None) -> None:
        """What a bank lets money be taken under is in force with us, or over by its
        term, which a bank need not be told.
        """
        no = order.pay_order_no
        expired = row is not None and row.last_event == "TERM_OVER"
        ours = row is not None and row.status is AgreementStatus.ACTIVE
        self._holds(ours or expired, f"in force at {host}, and not with us", no)

    # --- what there is ----------------------------------------------------------------

    def _numbered(self, no: str) -> SigningRow | None:
        found = self._world.base.load(NumberRow, no)
        if found is None:
            return None
        return self._world.base.load(SigningRow, found.card_id, found.signing_no)

    def _kept(self, row: SigningRow) -> AgreementRow | None:
        place = (row.card_id, row.pay_type, row.channel, row.account)
        return self._world.base.load(AgreementRow, *place)

    def _token(self, row: AgreementRow) -> str:
        return vault.open_token(
            KeyRing(self._world.settings.ring_keys),
            row.token,
            card_id=row.card_id,
            pay_type=row.pay_type,
            channel=row.channel,
            account=row.account,
        )

    def _signed(self, row: SigningRow) -> Order | None:
        return signed_at_bank(self._world, row)


def signed_at_bank(world: "World", row: SigningRow) -> Order | None:
    """The bank's own record that it has signed it."""
    house = world.banks[row.channel]
    order = house.orders.get(signing_request(row.signing_no, 1))
    return order if order is not None and order.token is not None else None


def settled(world: "World", row: SigningRow, told: set[str]) -> bool:
    """Whether it is in force or over; or a person's, where its bank has none: what an
    honest bank has must be found out.
    """
    if row.status not in _OPEN:
        return True
    order = signed_at_bank(world, row)
    if order is not None and world.banks[row.channel].stands(order):
        return False
    return row.signing_no in told


def still_open(world: "World", cases: "defaultdict[str, list[CaseRow]]") -> bool:
    """Whether an agreement has not come to its end."""
    told = _told(cases)
    return any(not settled(world, r, told) for r in world.base.waiting(SigningRow))


def _told(cases: Mapping[str, list[CaseRow]]) -> set[str]:
    """Agreements that are on the desk; their cases are of no payment."""
    return {
        case.case_id.rpartition(":")[2]
        for case in cases.get("", ())
        if case.kind == EXCUSE and case.status == "OPEN"
    }
