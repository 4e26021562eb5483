-- Refunds: an aggregate of its own, and never more of a payment than was paid.

-- One refund a row, by the leg that was charged.
CREATE TABLE refund (
    pay_order_no text COLLATE "C" NOT NULL,
    refund_no text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    biz_line text NOT NULL,
    out_refund_no text NOT NULL,
    amount bigint NOT NULL,
    money_amount bigint NOT NULL,
    coupon_amount bigint NOT NULL,
    currency text NOT NULL,
    reason text,
    channel text NOT NULL,
    account text NOT NULL,
    inst_trans_id text NOT NULL,
    original_request_no text NOT NULL,
    status text NOT NULL,
    last_event text NOT NULL,
    events bigint NOT NULL,
    sends bigint NOT NULL,
    outcome text,
    channel_ref text,
    resp_code text NOT NULL,
    resp_msg text NOT NULL,
    created_at timestamptz NOT NULL,
    quiet_from timestamptz NOT NULL,
    finished_at timestamptz,
    checks bigint NOT NULL,
    next_check_at timestamptz,
    lease_epoch bigint,
    lease_until timestamptz,
    CHECK (status IN ('DOING', 'SUCCESS', 'FAIL')),
    CHECK (money_amount >= 1 AND coupon_amount >= 0 AND amount = money_amount + coupon_amount),
    CHECK (sends >= 0),
    CHECK (refund_no ~ '^[0-9A-Z]{1,28}R[0-9]{2}$' AND starts_with(refund_no, pay_order_no || 'R')),
    CHECK ((status = 'DOING') = (next_check_at IS NOT NULL)),
    CHECK ((status = 'DOING') = (finished_at IS NULL)),
    PRIMARY KEY (pay_order_no, refund_no)
) PARTITION BY RANGE (pay_order_no);
CREATE INDEX refund_due ON refund (next_check_at) WHERE next_check_at IS NOT NULL;
CREATE INDEX refund_of_line ON refund (biz_line, pay_order_no, refund_no);

-- What is refunded of a payment: done, and with what is in flight. Everybody who refunds
-- changes this row, under its lock, in the commit of the refund.
CREATE TABLE refund_total (
    pay_order_no text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    amount bigint NOT NULL,
    payable_amount bigint NOT NULL,
    refunds bigint NOT NULL,
    taken_amount bigint NOT NULL,
    taken_money bigint NOT NULL,
    done_amount bigint NOT NULL,
    done_money bigint NOT NULL,
    -- I12: never more than was paid, of the order, of the money and of the coupon.
    CHECK (0 <= done_amount AND done_amount <= taken_amount AND taken_amount <= amount),
    CHECK (0 <= done_money AND done_money <= taken_money AND taken_money <= payable_amount),
    CHECK (0 <= taken_amount - taken_money AND taken_amount - taken_money <= amount - payable_amount),
    CHECK (refunds BETWEEN 0 AND 99),
    PRIMARY KEY (pay_order_no)
) PARTITION BY RANGE (pay_order_no);

-- The business line's own number of a refund is unique for ever.
CREATE TABLE refund_out_refund_no (
    biz_line text COLLATE "C" NOT NULL,
    out_refund_no text COLLATE "C" NOT NULL,
    pay_order_no text COLLATE "C" NOT NULL,
    refund_no text COLLATE "C" NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (biz_line, out_refund_no)
);

-- What happened to a refund, in order.
CREATE TABLE refund_transition (
    pay_order_no text COLLATE "C" NOT NULL,
    refund_no text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    from_status text NOT NULL,
    event text NOT NULL,
    to_status text NOT NULL,
    cause text NOT NULL,
    at timestamptz NOT NULL,
    CHECK (from_status = 'DOING'),
    CHECK (to_status IN ('DOING', 'SUCCESS', 'FAIL')),
    PRIMARY KEY (pay_order_no, refund_no, seq)
) PARTITION BY RANGE (pay_order_no);

-- The rows of core/states.py, as for payments.
CREATE TABLE refund_transition_rule (
    from_status text NOT NULL,
    event text NOT NULL,
    to_status text NOT NULL,
    PRIMARY KEY (from_status, event)
);

INSERT INTO refund_transition_rule (from_status, event, to_status) VALUES
    ('DOING', 'REFUND_BEGUN', 'DOING'),
    ('DOING', 'REFUND_UNKNOWN', 'DOING'),
    ('DOING', 'REFUND_NOT_SENT', 'DOING'),
    ('DOING', 'REFUND_NOT_FOUND', 'DOING'),
    ('DOING', 'REFUND_SENT_AGAIN', 'DOING'),
    ('DOING', 'REFUNDED', 'SUCCESS'),
    ('DOING', 'REFUND_REFUSED', 'FAIL');

-- A refund is born over money that was charged, and goes back where that came from.
CREATE FUNCTION refund_born() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'DOING' OR NOT EXISTS (
        SELECT FROM payment p JOIN attempt a ON a.pay_order_no = p.pay_order_no
        WHERE p.pay_order_no = NEW.pay_order_no AND p.biz_status = 'SUCCESS'
          AND p.biz_line = NEW.biz_line AND p.currency = NEW.currency
          AND a.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
          AND a.process_status = 'GW_SUCCESS'
          AND (a.channel, a.account, a.request_no)
              = (NEW.channel, NEW.account, NEW.original_request_no)
    ) THEN
        RAISE EXCEPTION 'refund %: no such money was taken', NEW.refund_no
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER refund_born BEFORE INSERT ON refund
    FOR EACH ROW EXECUTE FUNCTION refund_born();

CREATE FUNCTION refund_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'DOING' THEN
        RAISE EXCEPTION 'refund %: % is final', OLD.refund_no, OLD.status
            USING ERRCODE = '23514';
    END IF;
    IF NEW.status <> OLD.status AND NOT EXISTS (
        SELECT FROM refund_transition_rule
        WHERE from_status = OLD.status AND event = NEW.last_event
          AND to_status = NEW.status
    ) THEN
        RAISE EXCEPTION 'refund %: no row (%, %, %) in the transition table',
            OLD.refund_no, OLD.status, NEW.last_event, NEW.status
            USING ERRCODE = '23514';
    END IF;
    IF (NEW.biz_line, NEW.out_refund_no, NEW.amount, NEW.money_amount, NEW.currency,
        NEW.channel, NEW.account, NEW.original_request_no, NEW.created_at)
       IS DISTINCT FROM
       (OLD.biz_line, OLD.out_refund_no, OLD.amount, OLD.money_amount, OLD.currency,
        OLD.channel, OLD.account, OLD.original_request_no, OLD.created_at) THEN
        RAISE EXCEPTION 'refund %: what was sent cannot change', OLD.refund_no
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER refund_guard BEFORE UPDATE ON refund
    FOR EACH ROW EXECUTE FUNCTION refund_guard();

-- A total begins with what was paid, and only its sums change.
CREATE FUNCTION refund_total_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NOT EXISTS (
        SELECT FROM payment p
        WHERE p.pay_order_no = NEW.pay_order_no AND p.biz_status = 'SUCCESS'
          AND (p.amount, p.payable_amount) = (NEW.amount, NEW.payable_amount)
    ) OR TG_OP = 'UPDATE' AND (
        (NEW.amount, NEW.payable_amount) IS DISTINCT FROM (OLD.amount, OLD.payable_amount)
        OR NEW.refunds < OLD.refunds OR NEW.done_amount < OLD.done_amount
        OR NEW.done_money < OLD.done_money
    ) THEN
        RAISE EXCEPTION 'refund_total %: it is not what was paid', NEW.pay_order_no
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER refund_total_guard BEFORE INSERT OR UPDATE ON refund_total
    FOR EACH ROW EXECUTE FUNCTION refund_total_guard();

-- No refund without its reservation, and no reservation less than its refunds: AFTER,
-- so that it sees all that one statement wrote of both.
CREATE FUNCTION refund_reserved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM refund_total t,
            (SELECT coalesce(sum(amount), 0) AS amount,
                    coalesce(sum(money_amount), 0) AS money
             FROM refund
             WHERE pay_order_no = NEW.pay_order_no AND status <> 'FAIL') AS live
        WHERE t.pay_order_no = NEW.pay_order_no
          AND live.amount <= t.taken_amount AND live.money <= t.taken_money
    ) THEN
        RAISE EXCEPTION 'refund %: it is not reserved of what was paid', NEW.pay_order_no
            USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER refund_reserved AFTER INSERT OR UPDATE ON refund
    FOR EACH ROW EXECUTE FUNCTION refund_reserved();
CREATE TRIGGER refund_total_reserved AFTER UPDATE ON refund_total
    FOR EACH ROW EXECUTE FUNCTION refund_reserved();

CREATE TRIGGER refund_kept BEFORE DELETE ON refund
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER refund_total_kept BEFORE DELETE ON refund_total
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER refund_out_refund_no_kept BEFORE UPDATE OR DELETE ON refund_out_refund_no
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER refund_transition_kept BEFORE UPDATE OR DELETE ON refund_transition
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER refund_not_truncated BEFORE TRUNCATE ON refund
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();
CREATE TRIGGER refund_total_not_truncated BEFORE TRUNCATE ON refund_total
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();
CREATE TRIGGER refund_transition_not_truncated BEFORE TRUNCATE ON refund_transition
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();

-- A posting is of a payment ('') or of a refund of it.
ALTER TABLE accounting_posting ADD COLUMN fact text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE accounting_posting DROP CONSTRAINT accounting_posting_pkey;
ALTER TABLE accounting_posting ADD PRIMARY KEY (pay_order_no, kind, fact);
ALTER TABLE accounting_entry ADD COLUMN fact text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE accounting_entry DROP CONSTRAINT accounting_entry_pkey;
ALTER TABLE accounting_entry ADD PRIMARY KEY (pay_order_no, kind, fact, line);

-- Payments of which nothing goes, however old they are: each is found by a small index
-- on what is open. A locked coupon's order is DOING (I10).
CREATE OR REPLACE VIEW retention_held AS
    SELECT pay_order_no FROM payment WHERE next_check_at IS NOT NULL
    UNION ALL
    SELECT pay_order_no FROM notify_notice WHERE next_check_at IS NOT NULL
    UNION ALL
    SELECT pay_order_no FROM desk_case
    WHERE status = 'OPEN' AND pay_order_no IS NOT NULL
    UNION ALL
    SELECT pay_order_no FROM refund WHERE next_check_at IS NOT NULL;

-- The months that payments have: a refund may come to a payment of long ago.
DO $$
DECLARE
    month text;
    child text;
BEGIN
    FOREACH child IN ARRAY ARRAY['refund', 'refund_total', 'refund_transition'] LOOP
        FOR month IN
            SELECT right(c.relname, 4) FROM pg_inherits i
            JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'payment'::regclass AND c.relname ~ '^payment_p[0-9]{4}$'
        LOOP
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                child || '_p' || month, child, month,
                to_char(to_date(month, 'YYMM') + interval '1 month', 'YYMM'));
        END LOOP;
        EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT',
                       child || '_p_other', child);
    END LOOP;
END
$$;
