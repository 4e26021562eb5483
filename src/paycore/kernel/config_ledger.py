"""The settings of the books: the cut-off, and a ledger of the user's own."""

from typing import Annotated

from msgspec import Meta

from paycore.kernel.config_keys import key_of
from paycore.kernel.config_texts import Seconds, TextBudgets


class LedgerSettings(TextBudgets, frozen=True, kw_only=True):
    """What a node is told of its books."""

    cutoff_hour: Annotated[
        int,
        Meta(
            ge=-1,
            le=23,
            description="From which hour of the day (UTC) on a working node cuts off"
            " the books of the days that are over; -1: never by itself.",
        ),
    ] = 3
    ledger_url: Annotated[
        str,
        Meta(
            description="A ledger of your own that every posting is sent to until it"
            " acknowledges (docs/accounting.md); without it the built-in one is all."
        ),
    ] = ""
    ledger_secret: Annotated[
        str,
        Meta(
            description="Key (base64) that postings sent to ledger_url are signed by.",
            extra={"secret": True},
        ),
    ] = ""
    ledger_alarm_s: Annotated[
        Seconds,
        Meta(
            description="A posting that your ledger has not acknowledged after so long"
            " is a case on the exception desk."
        ),
    ] = 900

    @property
    def ledger_key(self) -> bytes:
        """The key of the signatures on postings that are sent to a ledger."""
        return key_of("ledger_secret", self.ledger_secret)
