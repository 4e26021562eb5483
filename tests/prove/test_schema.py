"""What a migration refuses the simulated database refuses too, and takes what it takes.

Every change goes to both; an answer of one that is not the other's is a difference.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from paycore.core.agreements.rows import (
    AgreementTransitionRow,
    NumberRow,
    SigningRow,
)
from paycore.core.agreements.states import AgreementStatus
from paycore.kernel.journal import Change, ChangeRejected
from paycore.kernel.terms import BizLineId, CardId, PayOrderNo, PayType
from paycore.prove.mirror import Mirror, template
from paycore.prove.schema import empty_store

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
NO = PayOrderNo("260504090000000AAAAAAAAAAA")
SIGNING = SigningRow(
    card_id=CardId("card_1"),
    signing_no=NO,
    biz_line=BizLineId("shop"),
    pay_type=PayType.DEDUCT,
    channel="deduct_a",
    account="main",
    scope="tea",
    single_limit=100,
    daily_limit=1000,
    ends_at=NOW + timedelta(days=1),
    slot=b"slot",
    created_at=NOW,
    expires_at=NOW,
    quiet_from=NOW,
    next_check_at=NOW,
)


@pytest.fixture(scope="module")
def server(cluster):
    """A server with a migrated database to copy."""
    with template(cluster.dsn):
        yield cluster.dsn


@pytest.fixture
def both(server):
    """The database in memory, and a real one beside it."""
    mirror = Mirror(empty_store(), server, name="schema")
    yield mirror
    mirror.close()


class Hand:
    """Writes to both, and says what they answered."""

    def __init__(self, both) -> None:
        self.both, self.serial = both, 0

    def change(self) -> Change:
        """A new one."""
        self.serial += 1
        return Change(UUID(int=10_000 + self.serial))

    def insert(self, *rows):
        """New rows: the code of their refusal, or nothing."""
        change = self.change()
        for row in rows:
            change.insert(row)
        return self.write(change)

    def update(self, row):
        """A row as it shall be, over the one that stands."""
        change = self.change()
        change.update(replace(row, version=row.version + 1), version=row.version)
        return self.write(change)

    def write(self, change):
        """The code of a refusal, or nothing; never a guard's."""
        try:
            assert self.both.commit(change) is None
        except ChangeRejected as rejected:
            return rejected.sqlstate
        return None


@pytest.fixture
def hand(both):
    """Writes; at the end the two must have agreed."""
    made = Hand(both)
    yield made
    assert [] == both.differences()


ACTIVE = replace(
    SIGNING, status=AgreementStatus.ACTIVE, last_event="SIGNED", signed_at=NOW, step=""
)
REVOKING = replace(
    SIGNING, status=AgreementStatus.REVOKING, last_event="REVOKE_ASKED", ended_at=NOW
)


@pytest.mark.parametrize(
    "row",
    [
        replace(SIGNING, step="ELSE"),
        replace(SIGNING, scope=""),
        replace(SIGNING, single_limit=None),
        replace(SIGNING, ends_at=None),
        replace(SIGNING, next_check_at=None),
        replace(SIGNING, ended_at=NOW),
        ACTIVE,
        REVOKING,
    ],
)
def test_an_agreement_begins_as_it_must(hand, row):
    """Asked for, with its terms, and looked at."""
    assert "23514" == hand.insert(row)


@pytest.mark.parametrize(
    ("row", "refused"),
    [
        (ACTIVE, None),
        (REVOKING, None),
        (replace(SIGNING, confirms=1), None),
        (replace(ACTIVE, signed_at=None), "23514"),
        (replace(ACTIVE, last_event="SIGN_FOUND"), "23514"),
        (replace(REVOKING, ended_at=None), "23514"),
        (replace(SIGNING, daily_limit=5), "23514"),
        (replace(SIGNING, slot=b"another"), "23514"),
        (replace(ACTIVE, status=AgreementStatus.REVOKED, ended_at=NOW), "23514"),
    ],
)
def test_an_agreement_moves_by_its_table(hand, row, refused):
    """Nothing else moves it, and its terms stay."""
    hand.insert(SIGNING)

    assert refused == hand.update(row)


def test_what_was_ended_stays_ended(hand):
    """A final agreement changes no more."""
    over = replace(
        *(SIGNING,),
        status=AgreementStatus.REFUSED,
        last_event="SIGN_REFUSED",
        ended_at=NOW,
        next_check_at=None,
        step="",
    )
    hand.insert(SIGNING)
    hand.update(over)

    assert "23514" == hand.update(replace(over, version=2, resp_code="ELSE"))


def test_what_a_signing_is_found_by_stays(hand):
    """Its history and its numbers are written once."""
    told = AgreementTransitionRow(
        card_id=SIGNING.card_id,
        signing_no=NO,
        seq=1,
        from_status=AgreementStatus.PENDING,
        event="CODE_SENT",
        to_status=AgreementStatus.PENDING,
        cause="",
        at=NOW,
    )
    named = NumberRow(name=NO, card_id=SIGNING.card_id, signing_no=NO)

    assert None is hand.insert(SIGNING, told, named)
