"""The settings of what texts may be sent and cost, beside the limits of a phone: a part
of `kernel/config.py`, declared as there.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

NO_LIMIT = 1_000_000_000
"""A limit of texts that is not even counted."""

Texts = Annotated[int, Meta(ge=1, le=NO_LIMIT)]
Money = Annotated[int, Meta(ge=0, le=1_000_000_000_000_000)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class TextBudgets(msgspec.Struct, frozen=True, kw_only=True):
    """Counted where a text is sent by our own SMS centre; of banks' own texts only what
    says so, and the limits of a phone.
    """

    code_per_payer_hour: Annotated[
        Texts,
        Meta(
            description="Codes an hour to payers at one address, as a business line"
            " tells it (Payer-Address); many share one."
        ),
    ] = 200
    code_by_bank_per_payer_hour: Annotated[
        Texts,
        Meta(
            description="Codes an hour that banks text to payers at one address: every"
            " quick payment has one, so it is more than of our own."
        ),
    ] = 1_000
    code_per_caller_hour: Annotated[
        Texts,
        Meta(
            description="Codes an hour asked for from one address that tells none of"
            " a payer."
        ),
    ] = 20_000
    code_per_line_day: Annotated[
        Texts, Meta(description="Codes a day for one business line.")
    ] = 100_000
    code_per_day: Annotated[Texts, Meta(description="Codes a day in all.")] = 500_000
    sms_price: Annotated[
        Money,
        Meta(
            description="Of one text, in millionths of the currency that carriers bill"
            " in, for carriers that have no price of their own; 0: not counted."
        ),
    ] = 50_000
    sms_spend_per_day: Annotated[
        Money,
        Meta(
            description="What a carrier's texts may cost a day, in the same millionths;"
            " then it is passed over until the next day (UTC). 0: any amount."
        ),
    ] = 5_000_000_000
