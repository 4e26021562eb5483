"""What a send takes of a phone's hour and day, and a try of a card's day.

Hours and days are the clock's (UTC), not sliding: a counter is one row a period.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from paycore.kernel.clock import start_of_day
from paycore.kernel.config import Settings
from paycore.kernel.journal import Change
from paycore.kernel.terms import CardId


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What one call takes of a limit."""

    guard: str
    counter: str
    limit: int
    expires_at: datetime
    amount: int = 1

    def take(self, change: Change) -> None:
        """Stage so much more, or the change is refused by the guard's name."""
        change.count(
            self.counter,
            self.amount,
            limit=self.limit,
            expires_at=self.expires_at,
            guard=self.guard,
        )

    def give_back(self, change: Change) -> None:
        """Stage so much less."""
        change.count(
            self.counter,
            -self.amount,
            limit=None,
            expires_at=self.expires_at,
            guard=self.guard,
        )


def quotas_of_phone(
    settings: Settings, phone_hash: bytes, now: datetime
) -> tuple[Quota, ...]:
    """What one text takes: of the phone's hour and day, both as the clock has them."""
    phone, day = phone_hash.hex(), start_of_day(now)
    hour = day + timedelta(hours=now.hour)
    return (
        Quota(
            guard="sms.phone_hour",
            counter=f"sms.phone_hour:{phone}:{hour:%Y%m%d%H}",
            limit=settings.code_per_phone_hour,
            expires_at=hour + timedelta(hours=2),
        ),
        Quota(
            guard="sms.phone_day",
            counter=f"sms.phone_day:{phone}:{day:%Y%m%d}",
            limit=settings.code_per_phone_day,
            expires_at=day + timedelta(days=2),
        ),
    )


def quota_of_card(settings: Settings, card_id: CardId, now: datetime) -> Quota:
    """What one try takes of the card's day, until it proves right."""
    day = start_of_day(now)
    return Quota(
        guard="sms.wrong",
        counter=f"sms.wrong:{card_id}:{day:%Y%m%d}",
        limit=settings.code_wrong_per_card_day,
        expires_at=day + timedelta(days=2),
    )
