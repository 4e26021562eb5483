"""What a node counts, each declared once: name, kind, labels, meaning, an alert.

    node.state(Tally).count(CONVERSIONS, cause)
    node.state(Tally).observe(COMMIT_SECONDS, seconds)

Counting is an addition in memory, so it may stand on a payment's path; how it is shown
to Prometheus is `paycore.api.metrics`. A label has few values and never says who: no
payment, no card, no business line's own number. docs/metrics.md and deploy/alerts.yml
are made of `METERS`.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from paycore.kernel.meter import Alert, Kind, Labels, Meter
from paycore.kernel.meters_upkeep import (
    AUDIT_AT,
    AUDIT_ROWS,
    AUDIT_SECONDS,
    AUDIT_UNANSWERED,
    AUDIT_VIOLATIONS,
    COUPON_AGE,
    COUPONS_OWED,
    JOB_AT,
    JOB_FAILURES,
    PARTITIONS_MISSING,
    POSTING_AGE,
    POSTINGS_WAITING,
    RETENTION_ROWS,
    ROWS_MOVED,
    SMS_FUSES,
)

REQUEST_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
"""To the 15 s within which every call is answered, and every channel's time-out."""

SHORT_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
"""For what takes a millisecond while all is well."""

GROUP_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 500)

REQUESTS = Meter(
    name="paycore_http_requests_total",
    kind=Kind.COUNTER,
    unit="requests",
    labels=("method", "call", "status"),
    meaning="Requests answered, by call and status.",
    alert=Alert(
        name="PaycoreAnswersWithErrors",
        when='sum(rate(paycore_http_requests_total{status=~"5.."}[5m]))'
        " / sum(rate(paycore_http_requests_total[5m])) > 0.01",
        lasting="5m",
        page=True,
        says="More than 1 % of the answers are 5xx.",
    ),
)
REQUEST_SECONDS = Meter(
    name="paycore_http_request_seconds",
    kind=Kind.HISTOGRAM,
    unit="seconds",
    labels=("method", "call"),
    meaning="Time to the whole answer, by call.",
    buckets=REQUEST_BUCKETS_S,
    alert=Alert(
        name="PaycoreAnswersSlowly",
        when="histogram_quantile(0.99, sum by (le, call)"
        ' (rate(paycore_http_request_seconds_bucket{call=~"/v1/.*"}[5m]))) > 5',
        lasting="10m",
        page=False,
        says="One answer in a hundred takes more than 5 s.",
    ),
)
REQUESTS_RUNNING = Meter(
    name="paycore_http_requests_running",
    kind=Kind.GAUGE,
    unit="requests",
    meaning="Requests that are being answered now.",
    alert=Alert(
        name="PaycoreIsFull",
        when="paycore_http_requests_running > 500",
        lasting="2m",
        page=False,
        says="A node has more than 500 requests at once: add one, or find what waits.",
    ),
)
CONNECTIONS = Meter(
    name="paycore_http_connections",
    kind=Kind.GAUGE,
    unit="connections",
    meaning="Connections of callers that the node holds.",
    alert=Alert(
        name="PaycoreConnectionsGrow",
        when="paycore_http_connections > 600",
        lasting="5m",
        page=False,
        says="A node holds more than 600 connections, and by default takes 800: find"
        " who opens them.",
    ),
)
CONNECTIONS_REFUSED = Meter(
    name="paycore_http_connections_refused_total",
    kind=Kind.COUNTER,
    unit="connections",
    meaning="Connections that were told 503, because the node held as many as it may"
    " (PAYCORE_CONNECTIONS).",
    alert=Alert(
        name="PaycoreTurnsConnectionsAway",
        when="increase(paycore_http_connections_refused_total[5m]) > 0",
        lasting="0m",
        page=True,
        says="A node turns callers away: it holds as many connections as it may.",
    ),
)
OPENED = Meter(
    name="paycore_payments_opened_total",
    kind=Kind.COUNTER,
    unit="payments",
    labels=("pay_type",),
    meaning="Payments recorded, by the pay type they began with.",
    alert=Alert(
        name="PaycoreTakesNoOrders",
        when="sum(rate(paycore_payments_opened_total[10m])) == 0"
        " and sum(rate(paycore_payments_opened_total[10m] offset 1d)) > 0.1",
        lasting="10m",
        page=True,
        says="No payment was opened for 10 minutes, and yesterday there were some.",
    ),
)
FINISHED = Meter(
    name="paycore_payments_finished_total",
    kind=Kind.COUNTER,
    unit="payments",
    labels=("status", "pay_type"),
    meaning="Payments that came to their end, by status and pay type.",
    alert=Alert(
        name="PaycorePaymentsFail",
        when='sum(rate(paycore_payments_finished_total{status="FAIL"}[15m]))'
        " / sum(rate(paycore_payments_finished_total[15m])) > 0.2",
        lasting="15m",
        page=True,
        says="More than a fifth of the payments fail.",
    ),
)
CONVERSIONS = Meter(
    name="paycore_conversions_total",
    kind=Kind.COUNTER,
    unit="payments",
    labels=("cause",),
    meaning="Quick payments that became a deduct while their code was sent, by cause.",
    alert=Alert(
        name="PaycoreConvertsMost",
        when="sum(rate(paycore_conversions_total[10m]))"
        " / sum(rate(paycore_payments_opened_total[10m])) > 0.5",
        lasting="10m",
        page=False,
        says="More than half of the payments convert: the quick channels are in"
        " trouble, and payers do not notice.",
    ),
)
CALLS = Meter(
    name="paycore_channel_calls_total",
    kind=Kind.COUNTER,
    unit="calls",
    labels=("channel", "operation", "outcome"),
    meaning="Calls to channels by what they came to, those that the breaker or our own"
    " lease held back (NOT_SENT) included.",
    alert=Alert(
        name="PaycoreChannelUnanswered",
        when="sum by (channel, operation)"
        ' (rate(paycore_channel_calls_total{outcome="UNKNOWN"}[5m]))'
        " / sum by (channel, operation) (rate(paycore_channel_calls_total[5m])) > 0.05",
        lasting="5m",
        page=True,
        says="More than 5 % of the calls to a channel have no trustworthy answer.",
    ),
)
CALL_SECONDS = Meter(
    name="paycore_channel_call_seconds",
    kind=Kind.HISTOGRAM,
    unit="seconds",
    labels=("channel", "operation"),
    meaning="Time of a call to a channel, from the first byte to the last word on it.",
    buckets=REQUEST_BUCKETS_S,
    alert=Alert(
        name="PaycoreChannelSlow",
        when="histogram_quantile(0.95, sum by (le, channel, operation)"
        " (rate(paycore_channel_call_seconds_bucket[5m]))) > 2.5",
        lasting="10m",
        page=False,
        says="One call in twenty to a channel takes more than 2.5 s.",
    ),
)
BREAKER_OPEN = Meter(
    name="paycore_breaker_open",
    kind=Kind.GAUGE,
    unit="1 or absent",
    labels=("channel", "account", "operation"),
    meaning="Breakers of this node that are open: no new payment goes there.",
    alert=Alert(
        name="PaycoreBreakerOpen",
        when="max by (channel, account, operation) (paycore_breaker_open) == 1",
        lasting="2m",
        page=False,
        says="A channel's account fails so often that nothing is sent to it.",
    ),
)
DATABASE_UP = Meter(
    name="paycore_database_up",
    kind=Kind.GAUGE,
    unit="1 or 0",
    meaning="Whether the database told this scrape what waits. While 0, the figures of"
    " what waits (unknown legs, notices, cases, due payments) are absent.",
    alert=Alert(
        name="PaycoreDatabaseAway",
        when="min(paycore_database_up) == 0",
        lasting="1m",
        page=True,
        says="A node cannot ask the database.",
    ),
)
UNKNOWN_LEGS = Meter(
    name="paycore_unknown_legs",
    kind=Kind.GAUGE,
    unit="money legs",
    meaning="Charges and refunds whose fate is not known yet and is being asked for."
    " All nodes see the same: take the maximum.",
    alert=Alert(
        name="PaycoreUnknownLegsGather",
        when="max(paycore_unknown_legs) > 50",
        lasting="5m",
        page=True,
        says="More than 50 charges are of unknown fate.",
    ),
)
UNKNOWN_AGE = Meter(
    name="paycore_unknown_leg_age_seconds",
    kind=Kind.GAUGE,
    unit="seconds",
    meaning="Age of the oldest of them; 0 where there is none.",
    alert=Alert(
        name="PaycoreUnknownLegOld",
        when="max(paycore_unknown_leg_age_seconds) > 1800",
        lasting="5m",
        page=True,
        says="A charge is of unknown fate for more than half an hour: the desk has it.",
    ),
)
NOTICES_WAITING = Meter(
    name="paycore_notices_waiting",
    kind=Kind.GAUGE,
    unit="notices",
    meaning="Notices that no business line has acknowledged yet, parked ones left out.",
    alert=Alert(
        name="PaycoreNoticesGather",
        when="max(paycore_notices_waiting) > 1000",
        lasting="15m",
        page=False,
        says="More than 1,000 notices wait to be delivered.",
    ),
)
NOTICE_AGE = Meter(
    name="paycore_notice_age_seconds",
    kind=Kind.GAUGE,
    unit="seconds",
    meaning="Age of the oldest notice that waits; 0 where there is none.",
    alert=Alert(
        name="PaycoreNoticeOld",
        when="max(paycore_notice_age_seconds) > 3600",
        lasting="10m",
        page=False,
        says="A business line was not told of a payment for an hour.",
    ),
)
CASES_OPEN = Meter(
    name="paycore_desk_cases_open",
    kind=Kind.GAUGE,
    unit="cases",
    labels=("kind",),
    meaning="Cases at the exception desk that wait for a person, by kind.",
    alert=Alert(
        name="PaycoreCaseOpen",
        when="sum by (kind) (max by (kind, instance) (paycore_desk_cases_open)) > 0",
        lasting="15m",
        page=False,
        says="Something about money waits for a person: `paycore desk list`.",
    ),
)
DUE_PAYMENTS = Meter(
    name="paycore_due_payments",
    kind=Kind.GAUGE,
    unit="payments",
    meaning="Payments and refunds whose next look is due and that nobody has taken.",
    alert=Alert(
        name="PaycoreLooksPileUp",
        when="max(paycore_due_payments) > 500",
        lasting="5m",
        page=True,
        says="Due payments are not looked at: does a node with role worker run?",
    ),
)
DUE_AGE = Meter(
    name="paycore_due_age_seconds",
    kind=Kind.GAUGE,
    unit="seconds",
    meaning="By how much the most overdue of them is late; 0 where there is none.",
    alert=Alert(
        name="PaycoreLooksLate",
        when="max(paycore_due_age_seconds) > 60",
        lasting="2m",
        page=True,
        says="A due payment waits for its look for more than a minute.",
    ),
)
GROUP_CHANGES = Meter(
    name="paycore_journal_group_changes",
    kind=Kind.HISTOGRAM,
    unit="changes",
    meaning="Changes that were written in one commit.",
    buckets=GROUP_BUCKETS,
    alert=Alert(
        name="PaycoreJournalFull",
        when="histogram_quantile(0.5,"
        " sum by (le, instance) (rate(paycore_journal_group_changes_bucket[5m])))"
        " > 256",
        lasting="5m",
        page=False,
        says="Half of a node's commits hold more than 256 changes: it is at its limit.",
    ),
)
COMMIT_SECONDS = Meter(
    name="paycore_journal_commit_seconds",
    kind=Kind.HISTOGRAM,
    unit="seconds",
    meaning="Time of writing one group, from BEGIN to COMMIT.",
    buckets=SHORT_BUCKETS_S,
    alert=Alert(
        name="PaycoreCommitsSlowly",
        when="histogram_quantile(0.99,"
        " sum by (le) (rate(paycore_journal_commit_seconds_bucket[5m]))) > 0.25",
        lasting="10m",
        page=False,
        says="One commit in a hundred takes more than 250 ms: look at the disk.",
    ),
)
LOOP_LAG = Meter(
    name="paycore_event_loop_lag_seconds",
    kind=Kind.HISTOGRAM,
    unit="seconds",
    meaning="By how much a wait of a quarter of a second was late: something kept the"
    " process busy meanwhile.",
    buckets=SHORT_BUCKETS_S,
    alert=Alert(
        name="PaycoreNodeBusy",
        when="histogram_quantile(0.95, sum by (le, instance)"
        " (rate(paycore_event_loop_lag_seconds_bucket[5m]))) > 0.1",
        lasting="10m",
        page=False,
        says="A node is late by more than 100 ms: its processor is full.",
    ),
)
NODE_READY = Meter(
    name="paycore_node_ready",
    kind=Kind.GAUGE,
    unit="1 or 0",
    meaning="What /readyz answers.",
    alert=Alert(
        name="PaycoreNoNodeReady",
        when="sum(paycore_node_ready) == 0 or absent(paycore_node_ready)",
        lasting="1m",
        page=True,
        says="No node can take payments.",
    ),
)
NODE_EPOCH = Meter(
    name="paycore_node_epoch",
    kind=Kind.GAUGE,
    unit="number",
    meaning="This life of the node: a new one after every start, and after it was taken"
    " for dead.",
    alert=Alert(
        name="PaycoreNodeDiesOften",
        when="changes(paycore_node_epoch[15m]) > 3",
        lasting="1m",
        page=False,
        says="A node begins life after life: it is restarted, or misses its beats.",
    ),
)
LEASE_LEFT = Meter(
    name="paycore_node_lease_left_seconds",
    kind=Kind.GAUGE,
    unit="seconds",
    meaning="How long the node may still send without another heartbeat; below 0 it"
    " sends nothing.",
    alert=Alert(
        name="PaycoreLifeInDoubt",
        when="paycore_node_lease_left_seconds < 0",
        lasting="30s",
        page=True,
        says="A node has missed its heartbeats and sends nothing.",
    ),
)
METERS = (
    *(REQUESTS, REQUEST_SECONDS, REQUESTS_RUNNING),
    *(CONNECTIONS, CONNECTIONS_REFUSED),
    *(OPENED, FINISHED, CONVERSIONS),
    *(CALLS, CALL_SECONDS, BREAKER_OPEN),
    *(UNKNOWN_LEGS, UNKNOWN_AGE, DUE_PAYMENTS, DUE_AGE),
    *(NOTICES_WAITING, NOTICE_AGE, CASES_OPEN),
    *(GROUP_CHANGES, COMMIT_SECONDS, DATABASE_UP),
    *(NODE_READY, NODE_EPOCH, LEASE_LEFT, LOOP_LAG),
    *(AUDIT_VIOLATIONS, AUDIT_ROWS, AUDIT_UNANSWERED, AUDIT_AT, AUDIT_SECONDS),
    *(JOB_AT, JOB_FAILURES, RETENTION_ROWS, SMS_FUSES),
    *(PARTITIONS_MISSING, ROWS_MOVED),
    *(POSTINGS_WAITING, POSTING_AGE),
    *(COUPONS_OWED, COUPON_AGE),
)
"""All of them, in the order of the page."""


@dataclass(slots=True)
class Spread:
    """How values of one histogram fell into its buckets."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        """One more bucket than bounds: for what is above all of them."""
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def median(self) -> float | None:
        """About the middle of the values: the bound of its bucket, of what is above all
        the highest; None where there is none.
        """
        so_far, half = 0, sum(self.counts) / 2
        for bound, count in zip(
            (*self.bounds, self.bounds[-1]), self.counts, strict=True
        ):
            so_far += count
            if count and so_far >= half:
                return bound
        return None

    def below(self) -> Iterator[tuple[str, int]]:
        """Each bound with how many values are at most that, as Prometheus adds up."""
        so_far = 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            so_far += count
            yield ("+Inf" if bound == float("inf") else f"{bound:g}"), so_far


class Tally:
    """One node's counts since it began."""

    def __init__(self) -> None:
        self.counts: dict[str, dict[Labels, int]] = {}
        self.spreads: dict[str, dict[Labels, Spread]] = {}

    def count(self, meter: Meter, *labels: str, by: int = 1) -> None:
        """One more, or so many."""
        of = self.counts.setdefault(meter.name, {})
        of[labels] = of.get(labels, 0) + by

    def observe(self, meter: Meter, value: float, *labels: str) -> None:
        """One more value."""
        of = self.spreads.setdefault(meter.name, {})
        spread = of.get(labels)
        if spread is None:
            spread = of[labels] = Spread(meter.buckets)
        spread.add(value)
