"""What goes by its age, and what is kept for good: every table, each once. Pure.

docs/retention.md is made of it, and a test compares it with the database's tables, so
that no table is forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from paycore.kernel.config import Settings


class How(StrEnum):
    """How what is old goes."""

    MONTH = "by the month"
    """Partitioned by the payment's number: a month goes as a whole where all of it may
    go, else payment by payment."""
    ROW = "row by row"
    EMPTIED = "emptied"
    """The row stays, what is secret in it goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How long one table's rows are kept."""

    table: str
    what: str
    how: How
    since: str
    """The column that the age is counted from: before it has come by the database's
    clock too, no row goes by itself."""
    counted: str
    """From when that is, in words."""
    setting: str | None = None
    """How many days, as a node is told; else `days`."""
    days: int = 0
    walked: str | None = None
    """The column that rows are gone through by, if not `since`: one with an index."""
    only: str = "true"
    """Which of the old rows may go, in SQL over `t`."""

    def days_of(self, settings: Settings) -> int:
        """How many days a row is kept."""
        if self.setting is None:
            return self.days
        days: int = getattr(settings, self.setting)
        return days

    def until(self, settings: Settings, now: datetime) -> datetime:
        """What is from before then is old."""
        return now - timedelta(days=self.days_of(settings))


RULES = (
    Rule(
        table="gateway_message",
        what="messages to and from channels, masked",
        how=How.MONTH,
        since="at",
        counted="the last message about the payment",
        setting="keep_messages_days",
    ),
    Rule(
        table="router_decision",
        what="decisions of the router, with what was weighed",
        how=How.MONTH,
        since="at",
        counted="the last decision about the payment",
        setting="keep_decisions_days",
    ),
    Rule(
        table="trail",
        what="the commands that were run",
        how=How.MONTH,
        since="at",
        counted="the last command of the payment",
        setting="keep_steps_days",
    ),
    Rule(
        table="sms_code",
        what="SMS codes, as keyed hashes",
        how=How.MONTH,
        since="expires_at",
        counted="the end of the payment's last code",
        setting="keep_codes_days",
    ),
    Rule(
        table="sms_sent",
        what="carriers' own numbers of texts, by which their receipts name them",
        how=How.ROW,
        since="sent_at",
        counted="the sending",
        setting="keep_codes_days",
    ),
    Rule(
        table="idempotency_key",
        what="idempotency keys and the answers kept for them",
        how=How.ROW,
        since="expires_at",
        counted="24 h after the answer, which is what the API promises",
    ),
    Rule(
        table="limit_counter",
        what="what was used of a limit",
        how=How.ROW,
        since="expires_at",
        counted="the end of the limit's period",
        days=1,
    ),
    Rule(
        table="journal_change",
        what="ids of written changes, by which a node that lost its connection knows"
        " what was written",
        how=How.ROW,
        since="at",
        counted="the writing",
        setting="keep_changes_days",
        walked="id",
    ),
    Rule(
        table="operators_session",
        what="sessions of operators",
        how=How.ROW,
        since="ends_at",
        counted="the session's latest end",
        days=30,
    ),
    Rule(
        table="operators_tries",
        what="wrong tries to log in, by a keyed hash of the name",
        how=How.ROW,
        since="expires_at",
        counted="a day after the last try",
        days=1,
    ),
    Rule(
        table="router_window",
        what="windows in which an account was left out of routes",
        how=How.ROW,
        since="ends_at",
        counted="the window's end",
        days=90,
    ),
    Rule(
        table="operators_work",
        what="how far long work of operators was",
        how=How.ROW,
        since="begun_at",
        counted="its beginning",
        days=90,
    ),
    Rule(
        table="node",
        what="lives of nodes that are over",
        how=How.ROW,
        since="died_at",
        counted="the death",
        days=30,
        # No epoch is ever given to another life.
        only="t.epoch < (SELECT max(epoch) FROM node)",
    ),
    Rule(
        table="job",
        what="jobs by the day that came to their end",
        how=How.ROW,
        since="finished_at",
        counted="the end",
        days=400,
    ),
    Rule(
        table="checkout",
        what="checkouts, with the hash of their token",
        how=How.ROW,
        since="expires_at",
        counted="the end of the checkout",
        setting="keep_checkouts_days",
    ),
    Rule(
        table="checkout_out_biz_no",
        what="which checkout a line's own number names; a payment's is unique for ever",
        how=How.ROW,
        since="expires_at",
        counted="the end of the checkout",
        setting="keep_checkouts_days",
    ),
    Rule(
        table="cards_card",
        what="number, holder, ID number and phone of a card that was revoked or never"
        " signed, and the tokens of its agreements, each once its bank has"
        " acknowledged its end; what is masked stays",
        how=How.EMPTIED,
        since="revoked_at",
        counted="the revocation, or the end of the signing",
        setting="keep_revoked_cards_days",
    ),
)

FOR_GOOD: Mapping[str, str] = MappingProxyType(
    {
        "payment": "the order and what became of it",
        "attempt": "every call about money, and the channel's last word",
        "transition": "how the order came to its end",
        "payment_out_biz_no": "the line's own number is unique for ever",
        "refund": "what went back, and what became of it",
        "refund_total": "no more may ever go back than is left",
        "refund_out_refund_no": "the line's own number is unique for ever",
        "refund_transition": "how the refund came to its end",
        "refund_transition_rule": "the transition table of refunds",
        "accounting_posting": "the books",
        "accounting_entry": "the books",
        "accounting_balance": "the books",
        "accounting_day": "the books",
        "accounting_day_balance": "the books",
        "accounting_adjustment": "what was posted by hand, by whom and why",
        "accounting_account": "the chart of accounts",
        "accounting_rule": "the posting rules",
        "accounting_feed": "what a ledger of the user's own has, or is still to have",
        "restore": "from when on a backup that was restored had forgotten",
        "restored_payment": "how it was found out what a payment had forgotten",
        "coupon": "what was issued, and which order used it",
        "coupon_hold": "what a coupon system elsewhere has, or is still to have",
        "notify_notice": "what the line was told, or is still to be told",
        "desk_case": "what a person had to decide",
        "desk_cure": "what was decided, and by whom",
        "desk_step": "who did what about it, and why",
        "operators_operator": "who worked at the desk, and in which role",
        "operators_act": "by whose token a step was done",
        "operators_entry": "what operators did: a chain, of which nothing may lack",
        "operators_head": "where that chain ends",
        "operators_views": "the searches that an operator keeps",
        "operators_login": "what operators log in with, hashed and sealed",
        "cards_agreement": "under what the money was taken; emptied with its card",
        "cards_bin": "configuration",
        "agreement_signing": "what the payer agreed to, and until when",
        "agreement_number": "what a signing is found by",
        "agreement_slot": "one agreement per payer, card, payee and account",
        "agreement_transition": "how the agreement came to its end",
        "agreement_transition_rule": "the transition table of agreements",
        "recon_statement": "what each day of each account came to",
        "recon_chunk": "the channels' own files, as they came",
        "recon_line": "what became of every line, and which attempt it is about",
        "recon_difference": "where a channel and we differed",
        "recon_pool": "what no statement of its day had",
        "recon_terms": "configuration",
        "retention_removal": "what was taken away, when, and how much",
        "lines_biz_line": "configuration",
        "lines_api_key": "configuration",
        "gateway_account": "configuration",
        "gateway_fact": "what a channel told us to use with it; the newest only",
        "router_trans_type": "configuration",
        "router_line_account": "configuration",
        "router_rule": "configuration",
        "router_version": "which rules were asked when, by whom and why",
        "router_head": "which version of the rules is the newest",
        "sms_carrier": "configuration",
        "notify_endpoint": "configuration",
        "transition_rule": "the transition table",
        "schema_migration": "the schema's own history",
    }
)
"""Why each of these is kept."""
