"""Stripe's words for no, and whom each blames. Pure.

By `decline_code`, else by `code`, else by `type` (docs.stripe.com/declines/codes,
docs.stripe.com/error-codes). Issuers and Stripe invent new words; what is not here is
UNKNOWN, and a person reads it once.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from paycore.kernel.outcome import Blame, Outcome

CANCELED: Final = "canceled"
AUTHENTICATION: Final = "authentication_required"

_PAYER: Final = (
    "insufficient_funds",
    "card_velocity_exceeded",
    "withdrawal_count_limit_exceeded",
    AUTHENTICATION,
    "authentication_not_handled",
    "mobile_device_authentication_required",
    "payment_intent_authentication_failure",
    "card_declined",
    "generic_decline",
    "do_not_honor",
    "do_not_try_again",
    "call_issuer",
    "no_action_taken",
    "fraudulent",
    "merchant_blacklist",
    "not_permitted",
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "security_violation",
    "service_not_allowed",
    "stop_payment_order",
    "transaction_not_allowed",
    "incorrect_pin",
    "invalid_pin",
    "offline_pin_required",
    "online_or_offline_pin_required",
    "pin_try_exceeded",
    CANCELED,
)
_CARD: Final = (
    "lost_card",
    "stolen_card",
    "pickup_card",
    "restricted_card",
    "expired_card",
    "card_not_supported",
    "currency_not_supported",
    "incorrect_address",
    "incorrect_cvc",
    "incorrect_number",
    "incorrect_zip",
    "invalid_account",
    "invalid_cvc",
    "invalid_expiry_month",
    "invalid_expiry_year",
    "invalid_number",
    "new_account_information_available",
    "live_mode_test_card",
    "testmode_decline",
)
_CHANNEL: Final = (
    "approve_with_id",
    "issuer_not_available",
    "processing_error",
    "reenter_transaction",
    "try_again_later",
    "balance_insufficient",
)
_REQUEST: Final = (
    "amount_too_large",
    "amount_too_small",
    "charge_already_refunded",
    "charge_disputed",
    "invalid_amount",
    "invalid_charge_amount",
    "invalid_charge_amount_no_decimal_compatible",
    "parameter_invalid_empty",
    "parameter_invalid_integer",
    "parameter_invalid_string_blank",
    "parameter_invalid_string_empty",
    "parameter_missing",
    "parameter_unknown",
    "parameters_exclusive",
    "payment_method_unactivated",
    "resource_missing",
    "invalid_request_error",
)
_NOT_SURE: Final = ("duplicate_transaction", "idempotency_error")
"""They speak of an earlier request: what became of that one is to be asked."""

REFUSALS: Final[Mapping[str, tuple[Outcome, Blame | None]]] = MappingProxyType(
    {
        **dict.fromkeys(_PAYER, (Outcome.DECLINED, Blame.PAYER)),
        **dict.fromkeys(_CARD, (Outcome.DECLINED, Blame.CARD)),
        **dict.fromkeys(_CHANNEL, (Outcome.DECLINED, Blame.CHANNEL)),
        **dict.fromkeys(_REQUEST, (Outcome.DECLINED, Blame.REQUEST)),
        **dict.fromkeys(_NOT_SURE, (Outcome.UNKNOWN, None)),
    }
)

REFUND_FAILURES: Final[Mapping[str, Blame]] = MappingProxyType(
    {
        "lost_or_stolen_card": Blame.CARD,
        "expired_or_canceled_card": Blame.CARD,
        "declined": Blame.CARD,
        "charge_for_pending_refund_disputed": Blame.REQUEST,
        "merchant_request": Blame.REQUEST,
        "insufficient_funds": Blame.CHANNEL,
        "unknown": Blame.CHANNEL,
    }
)
"""A failed refund's `failure_reason`; its funds are what we have at Stripe, not the
payer's."""
