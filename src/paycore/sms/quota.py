"""What a send takes of a phone's hour and day, and a try of a card's and a phone's day.

Hours and days are the clock's (UTC), not sliding: a counter is one row a period.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from paycore.kernel.clock import start_of_day
from paycore.kernel.config import Settings
from paycore.kernel.journal import Change


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
    settings: Settings, phone_hash: bytes, now: datetime, *, texted: bool = False
) -> tuple[Quota, ...]:
    """What one text takes: of the phone's hour and day, both as the clock has them.

    `texted`: a bank was asked for the same code just now, and nobody knows whether it
    texted. That is counted, and does not take the place of the one that is to be sent.
    """
    more = 1 if texted else 0
    phone, day = phone_hash.hex(), start_of_day(now)
    hour = day + timedelta(hours=now.hour)
    return (
        Quota(
            guard="sms.phone_hour",
            counter=f"sms.phone_hour:{phone}:{hour:%Y%m%d%H}",
            limit=settings.code_per_phone_hour + more,
            expires_at=hour + timedelta(hours=2),
        ),
        Quota(
            guard="sms.phone_day",
            counter=f"sms.phone_day:{phone}:{day:%Y%m%d}",
            limit=settings.code_per_phone_day + more,
            expires_at=day + timedelta(days=2),
        ),
    )


def quotas_of_try(
    settings: Settings, number_hash: bytes, phone_hash: bytes, now: datetime
) -> tuple[Quota, ...]:
    """What one try takes, until it proves right: of the card's day, and of the day of
    the phone that the code went to.

    Of the card by its number: registered again it has another id, and is the same card.
    """
    day = start_of_day(now)
    return tuple(
        Quota(
            guard=guard,
            counter=f"{guard}:{hashed.hex()}:{day:%Y%m%d}",
            limit=settings.code_wrong_per_card_day,
            expires_at=day + timedelta(days=2),
        )
        for guard, hashed in (
            ("sms.wrong", number_hash),
            ("sms.wrong_phone", phone_hash),
        )
    )
