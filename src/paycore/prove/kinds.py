"""The kinds of fault that the simulator knows: what strikes, and the row it answers to.

`rows` are rows of the fault matrix (docs/faults.md). A kind is part of a run or not;
where it is, it strikes with its share at every chance it has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of fault."""

    name: str
    rows: tuple[str, ...]
    what: str
    share: float
    """How often it strikes where it could."""
    chosen: float = 0.3
    """How often it is part of a run."""


def _kinds(
    *rows: tuple[str, str, str, float] | tuple[str, str, str, float, float],
) -> Iterator[Kind]:
    """Name, rows, what, share and, where it is not the usual, how often chosen."""
    for name, matrix, what, share, *chosen in rows:
        yield Kind(
            name=name,
            rows=tuple(matrix.split()),
            what=what,
            share=share,
            chosen=chosen[0] if chosen else 0.3,
        )


SEND: Final = tuple(
    _kinds(
        ("send_refused", "F03", "the quick bank refuses connections", 0.10),
        ("send_lost", "F04", "the send never arrives", 0.08),
        ("send_unanswered", "F04 F18", "the code is out, no answer comes", 0.08),
        ("send_late", "F18", "the answer to the send comes after its time", 0.06),
        ("send_500", "F05", "the quick bank answers 500", 0.06),
        ("send_garbage", "F05", "the code is out, the answer is garbage", 0.06),
        ("send_badly_signed", "F05", "the code is out, the signature is bad", 0.06),
        ("send_unmapped", "F05", "the send is refused by a code nobody knows", 0.05),
        ("send_refuses_payer", "F06", "the quick bank refuses payer or card", 0.06),
        ("send_maintenance", "F07", "the quick bank is in maintenance", 0.10),
        ("send_pending", "F04", "the quick bank says that it is at it", 0.05),
    )
)

MONEY: Final = tuple(
    _kinds(
        ("money_refused", "F27", "the bank refuses connections at the charge", 0.10),
        ("money_lost", "F29", "the charge never arrives", 0.07),
        ("money_unanswered", "F28", "charged, no answer comes", 0.10),
        ("money_late", "F36", "charged, the answer trickles in too late", 0.06),
        ("money_500", "F30", "the bank answers 500 and did nothing", 0.06),
        ("money_acted_500", "F30", "charged, and answered 500", 0.06),
        ("money_acted_unmapped", "F30", "charged, the answer is a strange no", 0.05),
        ("money_garbage", "F30", "charged, the answer is garbage", 0.06),
        ("money_badly_signed", "F30", "charged, the signature is bad", 0.06),
        ("money_unmapped", "F30", "refused by a code nobody knows", 0.05, 0.08),
        ("money_declined", "F31", "the bank refuses the charge", 0.08),
        ("money_maintenance", "F31", "not processed: maintenance", 0.10),
        ("money_pending", "F33", "processing, settled within a minute", 0.10),
        ("money_pending_for_ever", "F33", "processing, for ever", 0.03, 0.05),
        ("money_other_amount", "F32", "charged, the answer names more", 0.05),
        ("money_arrives_late", "F29", "the charge arrives when it was given up", 0.05),
        ("money_doubled", "F28", "the network brings the charge twice", 0.08),
        (
            "money_no_then_yes",
            "F34 F38",
            "refused, and charged all the same",
            0.03,
            0.15,
        ),
        ("money_yes_then_no", "F34", "charged, and refused by a callback", 0.08, 0.15),
    )
)

REFUND: Final = tuple(
    _kinds(
        ("refund_refused", "", "the bank refuses connections at the refund", 0.10),
        ("refund_lost", "", "the refund never arrives", 0.10),
        ("refund_unanswered", "F47", "given back, no answer comes", 0.12),
        ("refund_late", "", "given back, the answer comes too late", 0.06),
        ("refund_500", "", "the bank answers 500 and gave nothing back", 0.06),
        ("refund_acted_500", "", "given back, and answered 500", 0.06),
        ("refund_garbage", "", "given back, the answer is garbage", 0.06),
        ("refund_badly_signed", "", "given back, the signature is bad", 0.06),
        ("refund_unmapped", "", "refused by a code nobody knows", 0.05, 0.08),
        ("refund_declined", "", "the bank refuses the refund", 0.10),
        ("refund_pending", "", "processing, settled within a minute", 0.10),
        ("refund_pending_for_ever", "", "processing, for ever", 0.03, 0.05),
        ("refund_other_amount", "", "given back, the answer names more", 0.05),
        ("refund_arrives_late", "", "arrives when it was given up", 0.06),
        ("refund_doubled", "", "the network brings the refund twice", 0.10),
        ("refund_no_then_yes", "", "refused, and given back after all", 0.03, 0.1),
        ("refund_yes_then_no", "", "given back, refused by a callback", 0.06, 0.1),
    )
)

ENQUIRY: Final = tuple(
    _kinds(
        ("enquiry_refused", "F29", "the bank refuses connections at enquiries", 0.2),
        ("enquiry_unanswered", "F29", "an enquiry is not answered", 0.2),
        ("enquiry_garbage", "F33", "an enquiry is answered by garbage", 0.2),
        ("enquiry_lies", "F34", "an enquiry denies what was charged", 0.05, 0.1),
    )
)

CALLBACK: Final = tuple(
    _kinds(
        ("callback_lost", "F59", "callbacks do not come", 0.5),
        ("callback_doubled", "F59", "callbacks come several times at once", 0.4),
        ("callback_first", "F60", "a callback overtakes the answer", 0.4),
        ("callback_late", "F59", "a callback comes minutes later", 0.3),
        ("callback_reordered", "F61", "processing is told after the end", 0.3),
        ("callback_forged", "F62", "a stranger says that money came", 0.1),
        ("callback_elsewhere", "F62", "a bank speaks of an order it never had", 0.1),
        ("callback_other_amount", "F32", "a callback names other money", 0.1),
        ("callback_stale", "F62", "an old callback is played again", 0.1),
        ("charged_unasked", "F19 F38", "a quick bank charges unasked", 0.04, 0.15),
    )
)

TEXT: Final = tuple(
    _kinds(
        ("text_refused", "F11", "a carrier refuses connections", 0.2),
        ("text_lost", "F11", "a text never arrives at its carrier", 0.15),
        ("text_unanswered", "F11 F15", "a text is out, no answer comes", 0.15),
        ("text_declined", "F11", "a carrier declines", 0.15),
        ("texts_down", "F12", "no carrier sends", 0.5, 0.1),
    )
)

NOTICE: Final = tuple(
    _kinds(
        ("notice_500", "F54", "the end point answers 500", 0.2),
        ("notice_unanswered", "F55", "the notice is taken, no answer comes", 0.15),
        ("notice_redirected", "F54", "the end point redirects", 0.1),
        ("notice_slow_down", "F54", "the end point asks for a slower pace", 0.1),
        ("notice_gone", "F54", "the end point says that nobody is there", 0.01, 0.05),
    )
)

NODE: Final = tuple(
    _kinds(
        ("killed", "F40 F41 F44 F46", "a node is killed, at any moment", 0.5),
        ("killed_before_commit", "F40 F42 F45", "killed before a commit", 0.004),
        ("killed_after_commit", "F14 F41 F43 F46", "killed after a commit", 0.004),
        ("killed_before_call", "F43", "killed before its call leaves", 0.01),
        ("killed_after_call", "F15 F44", "killed when its call has arrived", 0.01),
        ("paused", "F48", "a node stands still for longer than its life", 0.5),
        ("paused_before_call", "F48", "it stands still when its call may leave", 0.01),
        ("paused_hearing", "F48", "it stands still while it hears who lives", 0.02),
        ("restarted", "F71", "a node is stopped in good order, and started", 0.5),
        ("clock_drifts", "F69", "a node's clock runs fast or slow", 1.0, 0.2),
    )
)

DATABASE: Final = tuple(
    _kinds(
        ("database_away", "F64", "the database is away for a while", 0.5),
        ("commit_unanswered", "F65", "written, and nobody is told", 0.006),
        ("commit_undone", "F65", "not written, and nobody knows", 0.006),
        ("claim_unanswered", "F65", "claimed, and nobody is told", 0.004),
        ("commit_late", "F65", "written after its caller was given up", 0.004),
        ("reads_slow", "F02", "reads take longer than the router waits", 0.03, 0.2),
        ("clock_forward", "F69", "the database's clock leaps an hour ahead", 0.5, 0.1),
        ("clock_back", "F69", "the database's clock falls minutes back", 0.5, 0.1),
        ("odd_date", "F69", "leap day, year's end, a change of the clocks", 1.0, 0.2),
    )
)

PAYER: Final = tuple(
    _kinds(
        ("orders_twice", "F16", "a double click on the order", 0.15, 0.5),
        ("confirms_at_once", "F24", "several confirms at the same time", 0.15, 0.5),
        ("wrong_code", "F20", "a wrong code", 0.2, 0.5),
        ("guesses", "F21", "guesses until the tries are used up", 0.06),
        ("old_code", "F22", "the code that was replaced", 0.5),
        ("code_of_another", "F22", "another order's code", 0.08),
        ("late_code", "F22", "a code whose time is over", 0.03),
        ("key_reused", "F25", "a used key with another body", 0.08),
        ("calls_again", "F25", "an answered call once more, under its key", 0.1, 0.5),
        ("confirms_finished", "F26", "a confirm of a finished order", 0.1),
        ("closes_meanwhile", "F39", "a close during the confirm", 0.08),
        ("closes", "F38", "a close before the confirm", 0.04),
        ("walks_away", "F37", "the payer never comes back", 0.08, 0.5),
        ("asks_again", "F17", "another code is asked for", 0.15, 0.5),
        ("shares_coupon", "F50 F52", "many orders want one coupon", 0.3),
        ("another_line", "F62", "a line reaches for another line's order", 0.05),
    )
)

LINE: Final = tuple(
    _kinds(
        ("refunds", "F47", "a paid order is given back, whole or in parts", 0.5, 0.6),
        ("refunds_at_once", "", "its refunds are asked for at the same time", 0.4, 0.6),
        ("refunds_too_much", "", "refunds that exceed it together", 0.25, 0.6),
        ("refunds_twice", "", "a refund is asked for under a second key", 0.2, 0.6),
    )
)

SIGN: Final = tuple(
    _kinds(
        ("sign_refused", "", "the bank refuses connections at a signing", 0.08),
        ("sign_lost", "", "a signing never arrives", 0.08),
        ("sign_unanswered", "", "the bank acted on a signing, no answer comes", 0.12),
        ("sign_late", "", "the answer to a signing comes after its time", 0.06),
        ("sign_500", "", "the bank answers 500 to a signing and did nothing", 0.05),
        ("sign_acted_500", "", "the bank acted on a signing, and answered 500", 0.06),
        ("sign_garbage", "", "acted, the answer to a signing is garbage", 0.06),
        ("sign_badly_signed", "", "acted, the answer's signature is bad", 0.06),
        ("sign_unmapped", "", "a signing refused by a code nobody knows", 0.04, 0.05),
        ("sign_declined", "", "the bank refuses to sign", 0.06),
        ("sign_arrives_late", "", "a signing arrives when it was given up", 0.06),
        ("sign_doubled", "", "the network brings a signing twice", 0.1),
    )
)

REVOKE: Final = tuple(
    _kinds(
        ("revoke_refused", "", "no connection for a revocation", 0.12),
        ("revoke_lost", "", "a revocation never arrives", 0.12),
        ("revoke_unanswered", "", "revoked, no answer comes", 0.15),
        ("revoke_500", "", "500 to a revocation, and nothing was done", 0.08),
        ("revoke_acted_500", "", "revoked, and answered 500", 0.08),
        ("revoke_garbage", "", "revoked, the answer is garbage", 0.08),
        ("revoke_declined", "", "the bank refuses a revocation", 0.08),
        ("revoke_arrives_late", "", "arrives when it was given up", 0.08),
        ("revoke_doubled", "", "the network brings a revocation twice", 0.1),
    )
)

AGREEMENT: Final = tuple(
    _kinds(
        ("signs", "", "a payer signs his card at a bank, and pays with it", 0.25, 0.3),
        ("signs_twice", "", "a double click on the signing", 0.15, 0.5),
        ("shares_card", "", "several sign the same card at the same bank", 0.3, 0.5),
        ("leaves_unsigned", "", "the payer never types the bank's code", 0.08),
        ("short_term", "", "a mandate that is over within minutes", 0.2),
        ("revokes_at_once", "", "the line revokes while it is being signed", 0.15, 0.5),
        ("revokes_meanwhile", "", "the line revokes while it is paid with", 0.25, 0.5),
        ("ends_meanwhile", "", "the payer ends it at the bank meanwhile", 0.25, 0.5),
        ("revokes_after", "", "the line revokes when it has been paid with", 0.5, 0.6),
        ("ends_after", "", "the payer ends it at the bank afterwards", 0.5, 0.6),
        ("orders_after_end", "", "an order under what has been ended", 0.6, 0.6),
        ("revokes_given", "", "a card that was given is revoked meanwhile", 0.1, 0.1),
    )
)

SETUP: Final = tuple(
    _kinds(
        ("no_quick_route", "F01", "the line has no quick channel", 0.2, 0.5),
        ("quick_switched_off", "F01", "a quick account is switched off", 1.0, 0.2),
        ("no_mandate", "F09", "the card has no mandate, or one too small", 0.08),
        ("no_deduct_route", "F10", "no deduct channel may be used", 1.0, 0.1),
        ("day_is_full", "F31", "the day's limit of a route fills up", 1.0, 0.15),
        ("magic_card", "F06 F31", "a card that the banks refuse", 0.08),
        ("breaker_open", "F08", "the breaker of an account is open", 0.0, 1.0),
        ("line_deducts", "", "the line sells deduct as quick pay", 1.0, 0.1),
        ("deducts", "", "a deduction, with nobody present", 0.4, 0.5),
    )
)

COUPON_SYSTEM: Final = tuple(
    _kinds(
        ("coupons_elsewhere", "", "coupons live in another system", 1.0, 0.15),
        ("coupon_refused", "F51", "the coupon system refuses connections", 0.06),
        ("coupon_lost", "F49", "a call to it never arrives", 0.06),
        ("coupon_unanswered", "F49", "it acted, no answer comes", 0.10),
        ("coupon_500", "F51", "it answers 500 and did nothing", 0.06),
        ("coupon_garbage", "F49", "it acted, the answer is garbage", 0.06),
        ("coupon_other_amount", "F49", "it acted, and names other money", 0.05),
        ("coupon_arrives_late", "F49", "a call arrives minutes too late", 0.06),
        ("coupon_doubled", "", "the network brings a call twice", 0.08),
    )
)
"""The first says whether there is one at all."""

DESK: Final = tuple(
    _kinds(
        ("desk_works", "", "two people see to cases while all goes on", 1.0, 0.4),
        ("desk_returns_all", "", "late money waits for a person", 1.0, 0.15),
        ("cures_at_once", "", "both execute one cure at the same time", 0.4, 0.6),
        ("cures_twice", "", "one case is previewed by both", 0.3, 0.6),
        ("approves_oneself", "F74", "who proposed a cure approves it", 0.3, 0.5),
        ("not_approved", "F74", "a cure is executed that nobody approved", 0.3, 0.5),
    )
)

LEDGER: Final = tuple(
    _kinds(
        ("ledger_refused", "", "the user's own ledger refuses connections", 0.1),
        ("ledger_lost", "", "a posting never arrives at the ledger", 0.15),
        ("ledger_unanswered", "", "the ledger has it, no answer comes", 0.15),
        ("ledger_500", "", "the ledger answers 500", 0.15),
        ("ledger_422", "", "the ledger does not take a posting, for now", 0.1),
        ("ledger_fed", "", "postings are told to a ledger of the user's", 1.0, 0.2),
    )
)

PROVIDERS: Final = tuple(
    _kinds(
        (
            "speaks_as_a_provider",
            "",
            "banks speak as UnionPay, Huifu or Stripe, to the adapter of that",
            1.0,
            0.125,
        ),
    )
)
"""RSA takes its time, so only of a share of the runs."""

PAGE: Final = tuple(
    _kinds(
        ("page_lost", "", "what a browser asks for never arrives", 0.06),
        ("page_unanswered", "F25", "posted and done, and no page comes", 0.1),
        ("page_doubled", "F16 F24", "the network brings a post twice, at once", 0.12),
        ("page_killed", "F40 F44", "a node is killed in the middle of a page", 0.04),
        ("page_paused", "F48", "a node stands still in the middle of a page", 0.05),
    )
)
"""What strikes between a browser and its page; of one request one of them."""

CHECKOUT: Final = tuple(
    _kinds(
        ("shops", "", "a payer pays at a checkout of ours", 0.35, 0.4),
        ("new_card", "", "a card is typed at the page, and signed there", 0.4, 0.6),
        ("clicks_twice", "F16 F24", "a double click on a page's button", 0.2, 0.5),
        ("two_tabs", "F16 F24", "two tabs do their step at once", 0.2, 0.5),
        ("other_step", "F39", "a second tab does another step at once", 0.15, 0.5),
        ("goes_back", "F16 F26", "the back button, and the old form again", 0.2, 0.5),
        ("reloads", "F25", "the page is loaded again in the middle of a step", 0.2),
        ("leaves_page", "F37", "back to the shop, and to the page once more", 0.12),
        ("pays_at_the_end", "F37", "a card is chosen as its checkout expires", 0.25),
        ("comes_too_late", "F37", "the payer comes when it has expired", 0.08),
        ("tokens_guessed", "F62", "an address made of two checkouts' own", 0.15),
        ("card_of_another", "F62", "a card is posted that was not offered", 0.12),
        ("posts_from_elsewhere", "F62", "another site's page posts a form", 0.1),
        ("checkout_twice", "F16", "a line asks for one checkout twice", 0.2, 0.5),
        ("checkout_clash", "F25", "a used number with another amount", 0.1, 0.5),
        ("number_taken", "F16", "an order over the API has the number first", 0.1),
    )
)
"""The first says whether somebody pays so at all."""

WINDOW: Final = tuple(
    _kinds(
        ("windows_set", "F01", "operators leave accounts out for a time", 1.0, 0.25),
        ("window_at_once", "F01", "a window opens while payments are there", 0.4, 0.6),
        ("windows_overlap", "", "two windows of an account overlap", 0.3, 0.6),
        ("window_ended", "", "a window is ended before its time, or its begin", 0.15),
        ("switched_off", "F01 F10", "an account is switched off meanwhile", 0.15, 0.4),
        ("act_lost", "", "an operator's act, or its answer, gets lost", 0.1),
    )
)
"""The first says whether they do anything at all."""

KINDS: Final = (
    *SEND,
    *MONEY,
    *REFUND,
    *ENQUIRY,
    *CALLBACK,
    *TEXT,
    *NOTICE,
    *NODE,
    *DATABASE,
    *PAYER,
    *LINE,
    *SETUP,
    *SIGN,
    *REVOKE,
    *AGREEMENT,
    *DESK,
    *LEDGER,
    *COUPON_SYSTEM,
    *PROVIDERS,
    *PAGE,
    *CHECKOUT,
    *WINDOW,
)

BY_NAME: Final[Mapping[str, Kind]] = MappingProxyType(
    {kind.name: kind for kind in KINDS}
)

NOT_SIMULATED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "F13": "a report changes nothing of a payment: a directed test",
        "F23": "cannot strike: nothing of an order can be changed",
        "F35": "found by reconciliation, which is to come",
        "F53": "cannot strike: the posting is in the commit of the status",
        "F56": "addresses are looked up by the real transport: a directed test",
        "F57": "no effect on what is delivered: a directed test",
        "F58": "a matter of time, which is virtual here: a drill",
        "F63": "reconciliation is to come",
        "F66": "inside the real journal: its own suite",
        "F67": "the pool is the real journal's: a directed test",
        "F68": "the disk is the real database's: a directed test",
        "F70": "there is no cache and no broker",
        "F72": "needs a real dump and its restore: directed tests",
        "F73": "refused when it is saved: a directed test",
        "F75": "needs a bug of ours: a directed test, and the planted ones",
    }
)
"""Rows without a kind here, and why."""


def kinds_of(row: str) -> frozenset[str]:
    """The kinds that answer to a row of the matrix."""
    return frozenset(kind.name for kind in KINDS if row in kind.rows)
