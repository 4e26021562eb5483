-- The ledger: the chart of accounts and the posting rules as rows, what was on each
-- account at the end of each day, and the feed to a ledger of the user's own.

-- The chart (科目). What stands in braces names whose.
CREATE TABLE accounting_account (
    account text COLLATE "C" NOT NULL,
    category text NOT NULL,
    title text NOT NULL,
    title_zh text NOT NULL,
    CHECK (account ~ '^[a-z_]+(:\{[a-z_]+\})*$' OR account ~ '^\{(debit|credit)\}$'),
    CHECK (category IN ('ASSET', 'LIABILITY', 'COST', 'SUSPENSE', 'ANY')),
    CHECK ((category = 'ANY') = (account IN ('{debit}', '{credit}'))),
    PRIMARY KEY (account)
);

INSERT INTO accounting_account (account, category, title, title_zh) VALUES
    ('channel_receivable:{channel}:{account}', 'ASSET',
        'In transit: what a channel took and owes us until it settles', '在途资金'),
    ('available:{channel}:{account}', 'ASSET',
        'Available: what a channel has settled with us', '可用资金'),
    ('marketing_cost', 'COST', 'What coupons cost us', '营销费用'),
    ('channel_fee:{channel}:{account}', 'COST',
        'What a channel keeps for its work', '渠道手续费'),
    ('merchant_pending:{biz_line}', 'LIABILITY',
        'What we owe a business line', '待清算'),
    ('payer_pending:{biz_line}', 'LIABILITY',
        'What we owe payers: money that came late, until it is back', '待退付款人'),
    ('suspense_long:{channel}:{account}', 'SUSPENSE',
        'They have moved what we have not', '长款挂账'),
    ('suspense_short:{channel}:{account}', 'SUSPENSE',
        'We have moved what they have not', '短款挂账'),
    ('differences', 'COST', 'What was written off: lost, or nobody''s', '差错损益'),
    ('{debit}', 'ANY', 'The account that an adjustment debits', '调账借方'),
    ('{credit}', 'ANY', 'The account that an adjustment credits', '调账贷方');

-- The posting rules (分录规则): so much of a fact from the credit to the debit, so that
-- whatever follows from them balances.
CREATE TABLE accounting_rule (
    kind text COLLATE "C" NOT NULL,
    line bigint NOT NULL,
    debit text COLLATE "C" NOT NULL REFERENCES accounting_account,
    credit text COLLATE "C" NOT NULL REFERENCES accounting_account,
    part text NOT NULL,
    CHECK (kind IN ('PAYMENT', 'REFUND', 'LATE_MONEY', 'LATE_REFUND', 'SETTLEMENT',
                    'SETTLED_REFUND', 'FEE', 'LONG', 'SHORT', 'ADJUSTMENT')),
    CHECK (part IN ('amount', 'payable_amount', 'coupon_amount')),
    CHECK (line >= 1),
    CHECK (debit <> credit),
    PRIMARY KEY (kind, line)
);

INSERT INTO accounting_rule (kind, line, debit, credit, part) VALUES
    ('PAYMENT', 1, 'channel_receivable:{channel}:{account}',
        'merchant_pending:{biz_line}', 'payable_amount'),
    ('PAYMENT', 2, 'marketing_cost', 'merchant_pending:{biz_line}', 'coupon_amount'),
    ('REFUND', 1, 'merchant_pending:{biz_line}',
        'channel_receivable:{channel}:{account}', 'payable_amount'),
    ('REFUND', 2, 'merchant_pending:{biz_line}', 'marketing_cost', 'coupon_amount'),
    ('LATE_MONEY', 1, 'channel_receivable:{channel}:{account}',
        'payer_pending:{biz_line}', 'amount'),
    ('LATE_REFUND', 1, 'payer_pending:{biz_line}',
        'channel_receivable:{channel}:{account}', 'amount'),
    ('SETTLEMENT', 1, 'available:{channel}:{account}',
        'channel_receivable:{channel}:{account}', 'amount'),
    ('SETTLED_REFUND', 1, 'channel_receivable:{channel}:{account}',
        'available:{channel}:{account}', 'amount'),
    ('FEE', 1, 'channel_fee:{channel}:{account}',
        'available:{channel}:{account}', 'amount'),
    ('LONG', 1, 'channel_receivable:{channel}:{account}',
        'suspense_long:{channel}:{account}', 'amount'),
    ('SHORT', 1, 'suspense_short:{channel}:{account}',
        'channel_receivable:{channel}:{account}', 'amount'),
    ('ADJUSTMENT', 1, '{debit}', '{credit}', 'amount');

-- What an adjustment was for, and who answers for it.
CREATE TABLE accounting_adjustment (
    adjustment_no text COLLATE "C" NOT NULL,
    made_by text NOT NULL,
    approved_by text,
    why text NOT NULL,
    at timestamptz NOT NULL,
    CHECK (length(made_by) BETWEEN 1 AND 64),
    -- Two people, and they are two.
    CHECK (length(approved_by) BETWEEN 1 AND 64 AND approved_by <> made_by),
    CHECK (length(why) BETWEEN 1 AND 500),
    PRIMARY KEY (adjustment_no)
);

-- A day that was cut off. Each channel's ends by its own clock; the rest with UTC's.
-- What was booked from `fed_from` until it ends is in the feed; null: no ledger of the
-- user's own was named when it was cut off.
CREATE TABLE accounting_day (
    day text COLLATE "C" NOT NULL,
    ends_at timestamptz NOT NULL,
    channels jsonb NOT NULL,
    cut_at timestamptz NOT NULL,
    fed_from timestamptz,
    CHECK (day ~ '^\d{4}-\d{2}-\d{2}$'),
    CHECK (cut_at >= ends_at),
    PRIMARY KEY (day)
);

-- What was on an account at the end of a day: debits minus credits, up to it. `late` is
-- what of it was booked after an earlier day had been cut off, with a time of that day.
CREATE TABLE accounting_day_balance (
    day text COLLATE "C" NOT NULL REFERENCES accounting_day,
    account text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    late bigint NOT NULL,
    PRIMARY KEY (day, account, currency)
);

CREATE TRIGGER accounting_adjustment_kept BEFORE UPDATE OR DELETE ON accounting_adjustment
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER accounting_day_kept BEFORE UPDATE OR DELETE ON accounting_day
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER accounting_day_balance_kept BEFORE UPDATE OR DELETE ON accounting_day_balance
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER accounting_day_balance_not_truncated BEFORE TRUNCATE ON accounting_day_balance
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();

-- A few octets a hundred pages, so that what was booked since an hour is found without
-- an index that each payment would have to write.
CREATE INDEX accounting_posting_at ON accounting_posting USING brin (at)
    WITH (pages_per_range = 32);

-- Whether what a statement confirms was posted as settled.
ALTER TABLE recon_statement ADD COLUMN settled_at timestamptz;
CREATE INDEX recon_statement_unsettled ON recon_statement (day)
    WHERE state = 'RECONCILED' AND settled_at IS NULL;

-- Postings that a ledger of the user's own is to have, each until it says so.
CREATE TABLE accounting_feed (
    pay_order_no text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    fact text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    status text NOT NULL,
    tries bigint NOT NULL,
    last_result text NOT NULL,
    booked_at timestamptz NOT NULL,
    acknowledged_at timestamptz,
    next_check_at timestamptz,
    lease_epoch bigint,
    lease_until timestamptz,
    CHECK (status IN ('PENDING', 'ACKNOWLEDGED')),
    CHECK ((status = 'PENDING') = (next_check_at IS NOT NULL)),
    CHECK ((status = 'ACKNOWLEDGED') = (acknowledged_at IS NOT NULL)),
    PRIMARY KEY (pay_order_no, kind, fact)
) PARTITION BY RANGE (pay_order_no);
CREATE INDEX accounting_feed_due ON accounting_feed (next_check_at)
    WHERE next_check_at IS NOT NULL;
-- As of postings: what was to be told of a day is found without the rest.
CREATE INDEX accounting_feed_booked ON accounting_feed USING brin (booked_at)
    WITH (pages_per_range = 32);
CREATE TRIGGER accounting_feed_kept BEFORE DELETE ON accounting_feed
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER accounting_feed_final BEFORE UPDATE ON accounting_feed
    FOR EACH ROW WHEN (OLD.status = 'ACKNOWLEDGED')
    EXECUTE FUNCTION final_row_guard('fact');

-- The months that payments have: a refund may come to a payment of long ago.
DO $$
DECLARE
    month text;
BEGIN
    FOR month IN
        SELECT right(c.relname, 4) FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'payment'::regclass AND c.relname ~ '^payment_p[0-9]{4}$'
    LOOP
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF accounting_feed FOR VALUES FROM (%L) TO (%L)',
            'accounting_feed_p' || month, month,
            to_char(to_date(month, 'YYMM') + interval '1 month', 'YYMM'));
    END LOOP;
    CREATE TABLE accounting_feed_p_other PARTITION OF accounting_feed DEFAULT;
END
$$;
