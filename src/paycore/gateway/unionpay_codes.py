"""UnionPay's respCode in our words: what each means for money, and what to do about it.

Which codes are a definite no is UnionPay's; whom one blames is our reading of it. What
stands in no row is UNKNOWN.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from paycore.kernel.outcome import Blame, Outcome

DONE: Final = frozenset({"00", "A6"})
"""A6: the money moved, and something after it went wrong."""

WAITING: Final = "70"
"""Accepted; somebody is still to do something. Of no use when asked after."""

NOT_FOUND: Final = "34"
NO_FILE: Final = "98"
WRONG_CODE: Final = "71"
BAD_FIELD: Final = "10"
"""Of a moment that is not now, among others."""
OF_THE_CHARGE: Final = frozenset({"35", "36", "44", "45", "46"})
"""It is not in a state to be given back, or not so much of it: as after it went back.
UnionPay has said so, and not 12, to a void under a number that was used before."""

_UNSURE: Final = ("03", "04", "05", "06", "83", "12", "34", "37", "42", "74", "75")
"""Not answered in time, not clear, in work, busy; a number used twice, not found, asked
too often; taken too late, or taken and not written down there."""

_BLAMED: Final = (
    (Blame.PAYER, ("33", "38", "64", "67", "69", "81", "87", "90")),
    (
        Blame.CARD,
        (
            *("01", "30", "40", "60", "61", "62", "63", "65", "66", "68"),
            *("72", "73", "76", "77", "78", "79", "82", "91", "92"),
        ),
    ),
    # Closed, not opened for our merchant, a token that is over: elsewhere, by the card
    # itself, it may be.
    (Blame.CHANNEL, ("02", "11", "31", "32", "39", "43", "80", "89")),
    (Blame.CODE, (WRONG_CODE,)),
    (
        Blame.REQUEST,
        ("10", "13", "14", "35", "36", "44", "45", "46", "85", "86", "88", "99"),
    ),
)

ERRORS: Final[Mapping[str, tuple[Outcome, Blame | None]]] = MappingProxyType(
    {
        **{
            code: (Outcome.DECLINED, blame)
            for blame, codes in _BLAMED
            for code in codes
        },
        **dict.fromkeys(_UNSURE, (Outcome.UNKNOWN, None)),
    }
)

_TAKEN: Final = "the money may have been taken, and not be booked there: ask UnionPay"

ALARMS: Final = MappingProxyType(
    {
        "11": "UnionPay refuses our signature",
        "42": _TAKEN,
        "74": _TAKEN,
        "75": _TAKEN,
    }
)
"""Where a person should look, whatever the outcome."""

EXPLAINED: Final = MappingProxyType(
    {
        "02": "the system is closed or not opened yet: try later; if it stays so, ask"
        " UnionPay whether the merchant number is in production",
        "06": "it is busy: try again in a few minutes",
        "10": "a field is not in the form it wants: look at the words it gave, which"
        " name the field; then at mer_id, channel_type and merchant_fields",
        "11": "it does not take our signature: look whether signing_key and"
        " signing_certificate are those that UnionPay has on record for this mer_id,"
        " and whether the base URL is of the same environment; with sign_method 21 at"
        " sm2_signature and sm2_identity, with 11 and 12 at shared_key",
        "13": "a field is missing: look at the words it gave; access_type 1 and 2 want"
        " fields of their own in merchant_fields",
        "31": "the merchant number is not in order there: ask UnionPay why",
        "32": "this product is not opened for the merchant number: have it opened, or"
        " look whether mer_id, quick_biz_type and deduct_biz_type are what was sold",
        "35": "what it is about is not there, or not in a state for this; a void (31)"
        " is refused so once its charge is settled, and another refund after"
        " void_before goes by 04",
        "36": "it does not fit what it is about: look whether quick_biz_type and"
        " deduct_biz_type are those of the charge; a void (31) is refused so where it"
        " is not of all that is left of its charge",
        "37": "it was asked too often: wait, and try again",
    }
)
"""What a code means for whoever set the account up, or looks at a refund."""

_OF_SM2: Final = (
    "its answer is not signed as the account says, or not by whom: look at"
    " sm2_signature, then at sm2_identity, each with its other value"
)
_OF_KEY: Final = "its answer is not signed with shared_key: look at it, and sign_method"

UNBELIEVED: Final = MappingProxyType({"21": _OF_SM2, "12": _OF_KEY, "11": _OF_KEY})
"""What to do where all is well with an answer but its signature, by signMethod. A wrong
form or key shows so, whatever the answer is: theirs is read by it as well."""
