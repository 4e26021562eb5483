"""What is counted of the work that looks after a database: audits, and jobs by the day.

Declared like the others, and with them in `paycore.kernel.meters.METERS`.
"""

from paycore.kernel.meter import Alert, Kind, Meter

AUDIT_VIOLATIONS = Meter(
    name="paycore_audit_violations",
    kind=Kind.GAUGE,
    unit="violations",
    labels=("invariant",),
    meaning="What broke each invariant when it was last asked (docs/audit.md). Only the"
    " node that audits tells the figures of the audit.",
    alert=Alert(
        name="PaycoreInvariantBroken",
        when="max by (invariant) (paycore_audit_violations) > 0",
        lasting="0m",
        page=True,
        says="Something that must always hold does not: `paycore desk list --kind"
        " INVARIANT`.",
    ),
)
AUDIT_ROWS = Meter(
    name="paycore_audit_rows",
    kind=Kind.GAUGE,
    unit="rows",
    labels=("invariant",),
    meaning="Rows that the last audit looked at, by invariant.",
    alert=Alert(
        name="PaycoreAuditSeesNothing",
        when="sum(paycore_audit_rows) == 0"
        " and sum(increase(paycore_payments_opened_total[1h])) > 0",
        lasting="15m",
        page=False,
        says="There are payments, and the audit has not seen one.",
    ),
)
AUDIT_UNANSWERED = Meter(
    name="paycore_audit_unanswered",
    kind=Kind.GAUGE,
    unit="questions",
    meaning="Questions of the last audit that the database gave no answer to: they took"
    " too long, or a row could not be read, or more was open than it looks at.",
    alert=Alert(
        name="PaycoreAuditUnsure",
        when="max(paycore_audit_unanswered) > 0",
        lasting="30m",
        page=False,
        says="Whether some invariants hold is not known: make the window smaller.",
    ),
)
AUDIT_AT = Meter(
    name="paycore_audit_timestamp_seconds",
    kind=Kind.GAUGE,
    unit="Unix time",
    meaning="As of when the last audit saw the database.",
    alert=Alert(
        name="PaycoreAuditLate",
        when="time() - max(paycore_audit_timestamp_seconds) > 3600"
        " or absent(paycore_audit_timestamp_seconds)",
        lasting="30m",
        page=False,
        says="Nothing was audited for an hour, or no node audits at all: see the log"
        " for `audit`, and whether PAYCORE_AUDIT_EVERY_S is 0.",
    ),
)
AUDIT_SECONDS = Meter(
    name="paycore_audit_seconds",
    kind=Kind.GAUGE,
    unit="seconds",
    meaning="What the last audit took; it rests nine times as long.",
    alert=Alert(
        name="PaycoreAuditSlow",
        when="max(paycore_audit_seconds) > 45",
        lasting="15m",
        page=False,
        says="An audit takes most of the minute that it has: make the window smaller.",
    ),
)
JOB_AT = Meter(
    name="paycore_job_timestamp_seconds",
    kind=Kind.GAUGE,
    unit="Unix time",
    labels=("job",),
    meaning="When each job by the day last came to its end, at whichever node. All"
    " nodes see the same: take the maximum.",
    alert=Alert(
        name="PaycoreJobLate",
        when="time() - max by (job) (paycore_job_timestamp_seconds) > 172800",
        lasting="30m",
        page=False,
        says="A job by the day has not come to its end for two days: see the log for"
        " `job_failed` and `job_postponed`.",
    ),
)
JOB_FAILURES = Meter(
    name="paycore_job_failures_total",
    kind=Kind.COUNTER,
    unit="tries",
    labels=("job",),
    meaning="Tries of jobs by the day that failed at this node; each is tried again.",
    alert=Alert(
        name="PaycoreJobFails",
        when="sum by (job) (increase(paycore_job_failures_total[6h])) > 2",
        lasting="0m",
        page=False,
        says="A job by the day fails time after time: see the log for `job_failed`.",
    ),
)
PARTITIONS_MISSING = Meter(
    name="paycore_partitions_missing",
    kind=Kind.GAUGE,
    unit="partitions",
    meaning="Partitions that lack for this month and the next. Nodes make them two"
    " months before and try again every minute; until then the default partition takes"
    " their rows.",
    alert=Alert(
        name="PaycorePartitionsMissing",
        when="max(paycore_partitions_missing) > 0",
        lasting="15m",
        page=False,
        says="A month begins without its partitions: `months_missing` in the log says"
        " what is in the way, and docs/operate.md what to do.",
    ),
)
ROWS_MOVED = Meter(
    name="paycore_partition_rows_moved_total",
    kind=Kind.COUNTER,
    unit="rows",
    labels=("table",),
    meaning="Rows that lay in the default partition when this node made their month,"
    " and moved into it.",
    alert=Alert(
        name="PaycoreRowsBeforeTheirMonth",
        when="sum by (table) (increase(paycore_partition_rows_moved_total[1h])) > 0",
        lasting="0m",
        page=False,
        says="Rows were numbered in a month that was not there: was a clock ahead, or"
        " no node up for months?",
    ),
)
RETENTION_ROWS = Meter(
    name="paycore_retention_rows_total",
    kind=Kind.COUNTER,
    unit="rows",
    labels=("table",),
    meaning="Rows that this node took away because of their age (docs/retention.md).",
    alert=Alert(
        name="PaycoreRetentionTakesNothing",
        when="sum(increase(paycore_retention_rows_total[7d])) == 0"
        " and sum(increase(paycore_payments_opened_total[7d] offset 7d)) > 1000",
        lasting="1h",
        page=False,
        says="There were payments a week ago, and nothing of them has grown old since:"
        " does a node with role worker run?",
    ),
)
SMS_FUSES = Meter(
    name="paycore_sms_fuses_total",
    kind=Kind.COUNTER,
    unit="fuses",
    labels=("carrier",),
    meaning="Days on which a carrier's budget was spent; told once by all nodes"
    " together.",
    alert=Alert(
        name="PaycoreSmsBudgetSpent",
        when="sum by (carrier) (increase(paycore_sms_fuses_total[1h])) > 0",
        lasting="0m",
        page=True,
        says="A carrier's texts have cost what they may cost today: raise its budget,"
        " or find who has codes sent (docs/operate.md).",
    ),
)
POSTINGS_WAITING = Meter(
    name="paycore_postings_waiting",
    kind=Kind.GAUGE,
    unit="postings",
    meaning="Postings that a ledger of your own has not acknowledged yet.",
    alert=Alert(
        name="PaycorePostingsGather",
        when="max(paycore_postings_waiting) > 10000",
        lasting="15m",
        page=False,
        says="More than 10,000 postings wait for the ledger to acknowledge them.",
    ),
)
POSTING_AGE = Meter(
    name="paycore_posting_age_seconds",
    kind=Kind.GAUGE,
    unit="seconds",
    meaning="How far a ledger of your own lags: the age of the oldest posting that it"
    " has not acknowledged; 0 where there is none.",
    alert=Alert(
        name="PaycoreLedgerBehind",
        when="max(paycore_posting_age_seconds) > 900",
        lasting="5m",
        page=False,
        says="The ledger has not acknowledged a posting for a quarter of an hour.",
    ),
)
COUPONS_OWED = Meter(
    name="paycore_coupons_owed",
    kind=Kind.GAUGE,
    unit="coupons",
    meaning="Uses and unlocks that a coupon system of your own has not acknowledged.",
    alert=Alert(
        name="PaycoreCouponsGather",
        when="max(paycore_coupons_owed) > 10000",
        lasting="15m",
        page=False,
        says="More than 10,000 uses and unlocks wait for the coupon system.",
    ),
)
COUPON_AGE = Meter(
    name="paycore_coupon_age_seconds",
    kind=Kind.GAUGE,
    unit="seconds",
    meaning="How far a coupon system of your own lags: the age of the oldest use or"
    " unlock that it has not acknowledged; 0 where there is none.",
    alert=Alert(
        name="PaycoreCouponsBehind",
        when="max(paycore_coupon_age_seconds) > 900",
        lasting="5m",
        page=False,
        says="The coupon system has not acknowledged a use or an unlock for a quarter"
        " of an hour.",
    ),
)
