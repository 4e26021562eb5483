-- The payment core's tables, and what the database itself refuses.

-- One payment a row; partitioned by its number, which begins with its time.
CREATE TABLE payment (
    pay_order_no text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    biz_line text NOT NULL,
    out_biz_no text NOT NULL,
    biz_order_no text,
    amount bigint NOT NULL,
    coupon_no text,
    coupon_amount bigint NOT NULL,
    payable_amount bigint NOT NULL,
    currency text NOT NULL,
    card_id text NOT NULL,
    subject text NOT NULL,
    pay_type text NOT NULL,
    convert_cause text,
    converted_at timestamptz,
    biz_status text NOT NULL,
    verify_status text NOT NULL,
    pass_until timestamptz,
    step text NOT NULL,
    last_event text NOT NULL,
    events bigint NOT NULL,
    attempts bigint NOT NULL,
    code_by text,
    code_seq bigint,
    code_phone text,
    code_expires_at timestamptz,
    code_sent_at timestamptz,
    wrong_tries bigint NOT NULL,
    resp_code text NOT NULL,
    resp_msg text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    finished_at timestamptz,
    held text,
    checks bigint NOT NULL,
    next_check_at timestamptz,
    lease_epoch bigint,
    lease_until timestamptz,
    CHECK (biz_status IN ('DOING', 'SUCCESS', 'FAIL', 'CLOSED')),
    CHECK (pay_type IN ('QUICK_PAY', 'DEDUCT')),
    CHECK (verify_status IN ('NOT_VERIFIED', 'PASS', 'WRONG', 'EXPIRED', 'LOCKED')),
    CHECK (amount BETWEEN 1 AND 1000000000000),
    CHECK (coupon_amount >= 0 AND payable_amount = amount - coupon_amount AND payable_amount >= 1),
    CHECK ((coupon_no IS NULL) = (coupon_amount = 0)),
    -- I6: what is not final has a next look; what is final has an end.
    CHECK ((biz_status = 'DOING') = (next_check_at IS NOT NULL)),
    CHECK ((biz_status = 'DOING') = (finished_at IS NULL)),
    CHECK ((pay_type = 'DEDUCT') = (converted_at IS NOT NULL AND convert_cause IS NOT NULL)),
    CHECK (length(pay_order_no) BETWEEN 1 AND 28),
    PRIMARY KEY (pay_order_no)
) PARTITION BY RANGE (pay_order_no);
CREATE INDEX payment_due ON payment (next_check_at) WHERE next_check_at IS NOT NULL;
CREATE INDEX payment_of_line ON payment (biz_line, pay_order_no);

-- The business line's own number is unique for ever.
CREATE TABLE payment_out_biz_no (
    biz_line text COLLATE "C" NOT NULL,
    out_biz_no text COLLATE "C" NOT NULL,
    pay_order_no text COLLATE "C" NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (biz_line, out_biz_no)
);

-- One call to the gateway a row.
CREATE TABLE attempt (
    pay_order_no text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    version bigint NOT NULL,
    trans_type text NOT NULL,
    process_status text NOT NULL,
    channel text NOT NULL,
    account text NOT NULL,
    inst_trans_id text NOT NULL,
    request_no text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    outcome text,
    blame text,
    channel_ref text,
    channel_token text,
    resp_code text NOT NULL,
    resp_msg text NOT NULL,
    reserved jsonb,
    created_at timestamptz NOT NULL,
    quiet_from timestamptz NOT NULL,
    finished_at timestamptz,
    enquiries bigint NOT NULL,
    CHECK (seq BETWEEN 1 AND 99),
    CHECK (trans_type IN ('QUICK_PAY_SEND_MSG', 'QUICK_PAY_CONFIRM', 'SMS_VERIFY', 'DEDUCT', 'REFUND')),
    CHECK (process_status IN ('INIT', 'ROUTE_FAIL', 'GW_DOING', 'GW_SUCCESS', 'GW_FAIL')),
    CHECK (amount >= 1),
    CHECK ((process_status IN ('INIT', 'GW_DOING')) = (finished_at IS NULL)),
    PRIMARY KEY (pay_order_no, seq)
) PARTITION BY RANGE (pay_order_no);

-- I1, I2: at most one money leg of a payment is open or successful, whatever the code does.
CREATE UNIQUE INDEX attempt_one_money_leg ON attempt (pay_order_no)
    WHERE trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
      AND process_status IN ('INIT', 'GW_DOING', 'GW_SUCCESS');

-- What happened to a payment, in order; (payment, seq) is unique.
CREATE TABLE transition (
    pay_order_no text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    from_status text NOT NULL,
    event text NOT NULL,
    to_status text NOT NULL,
    cause text NOT NULL,
    attempt_seq bigint,
    at timestamptz NOT NULL,
    CHECK (from_status = 'DOING'),
    CHECK (to_status IN ('DOING', 'SUCCESS', 'FAIL', 'CLOSED')),
    PRIMARY KEY (pay_order_no, seq)
) PARTITION BY RANGE (pay_order_no);

-- The commands of each commit, for the timeline.
CREATE TABLE trail (
    pay_order_no text COLLATE "C" NOT NULL,
    change_id uuid NOT NULL,
    at timestamptz NOT NULL,
    epoch bigint NOT NULL,
    steps jsonb NOT NULL,
    PRIMARY KEY (pay_order_no, change_id)
) PARTITION BY RANGE (pay_order_no);

-- Idempotency keys and the answers kept for them.
CREATE TABLE idempotency_key (
    scope bytea NOT NULL,
    version bigint NOT NULL,
    fingerprint bytea NOT NULL,
    pay_order_no text COLLATE "C",
    status bigint,
    body bytea,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    lease_epoch bigint,
    lease_until timestamptz,
    CHECK ((status IS NULL) = (body IS NULL)),
    PRIMARY KEY (scope)
);
CREATE INDEX idempotency_key_expiry ON idempotency_key (expires_at);

-- What the transition table refuses, the database refuses too. The rows are written
-- out here so that neither can change without the other (tests/unit/core/test_states.py
-- compares them with core/states.py).
CREATE TABLE transition_rule (
    from_status text NOT NULL,
    event text NOT NULL,
    to_status text NOT NULL,
    PRIMARY KEY (from_status, event)
);

INSERT INTO transition_rule (from_status, event, to_status) VALUES
    ('DOING', 'CODE_SENT', 'DOING'),
    ('DOING', 'CONVERTED', 'DOING'),
    ('DOING', 'CODE_PASSED', 'DOING'),
    ('DOING', 'CODE_REFUSED', 'DOING'),
    ('DOING', 'CHARGE_BEGUN', 'DOING'),
    ('DOING', 'CHARGE_UNKNOWN', 'DOING'),
    ('DOING', 'NOT_CHARGED', 'DOING'),
    ('DOING', 'INTERRUPTED', 'DOING'),
    ('DOING', 'PAID', 'SUCCESS'),
    ('DOING', 'DECLINED', 'FAIL'),
    ('DOING', 'SEND_FAILED', 'FAIL'),
    ('DOING', 'CLOSED', 'CLOSED'),
    ('DOING', 'EXPIRED', 'CLOSED');

CREATE FUNCTION payment_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.biz_status <> 'DOING' THEN
        RAISE EXCEPTION 'payment %: % is final', OLD.pay_order_no, OLD.biz_status
            USING ERRCODE = '23514';
    END IF;
    IF NEW.biz_status <> OLD.biz_status AND NOT EXISTS (
        SELECT FROM transition_rule
        WHERE from_status = OLD.biz_status AND event = NEW.last_event
          AND to_status = NEW.biz_status
    ) THEN
        RAISE EXCEPTION 'payment %: no row (%, %, %) in the transition table',
            OLD.pay_order_no, OLD.biz_status, NEW.last_event, NEW.biz_status
            USING ERRCODE = '23514';
    END IF;
    IF NEW.pay_type <> OLD.pay_type AND (
        OLD.pay_type <> 'QUICK_PAY' OR EXISTS (
            SELECT FROM attempt
            WHERE pay_order_no = OLD.pay_order_no
              AND trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
              AND process_status <> 'ROUTE_FAIL'
        )
    ) THEN
        RAISE EXCEPTION 'payment %: may not change its pay type any more', OLD.pay_order_no
            USING ERRCODE = '23514';
    END IF;
    IF (NEW.biz_line, NEW.out_biz_no, NEW.amount, NEW.payable_amount, NEW.currency,
        NEW.card_id, NEW.coupon_no, NEW.created_at, NEW.expires_at)
       IS DISTINCT FROM
       (OLD.biz_line, OLD.out_biz_no, OLD.amount, OLD.payable_amount, OLD.currency,
        OLD.card_id, OLD.coupon_no, OLD.created_at, OLD.expires_at) THEN
        RAISE EXCEPTION 'payment %: what was ordered cannot change', OLD.pay_order_no
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;

-- What the function would let pass is seen here, where looking costs a tenth.
CREATE TRIGGER payment_guard BEFORE UPDATE ON payment
    FOR EACH ROW WHEN (
        OLD.biz_status <> 'DOING' OR NEW.biz_status <> OLD.biz_status OR
        NEW.pay_type <> OLD.pay_type OR
        (NEW.biz_line, NEW.out_biz_no, NEW.amount, NEW.payable_amount, NEW.currency,
         NEW.card_id, NEW.coupon_no, NEW.created_at, NEW.expires_at)
        IS DISTINCT FROM
        (OLD.biz_line, OLD.out_biz_no, OLD.amount, OLD.payable_amount, OLD.currency,
         OLD.card_id, OLD.coupon_no, OLD.created_at, OLD.expires_at))
    EXECUTE FUNCTION payment_guard();

CREATE FUNCTION attempt_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.process_status NOT IN ('INIT', 'GW_DOING') THEN
        RAISE EXCEPTION 'attempt % %: % is final',
            OLD.pay_order_no, OLD.seq, OLD.process_status USING ERRCODE = '23514';
    END IF;
    IF (NEW.trans_type, NEW.channel, NEW.account, NEW.request_no, NEW.amount, NEW.currency)
       IS DISTINCT FROM
       (OLD.trans_type, OLD.channel, OLD.account, OLD.request_no, OLD.amount, OLD.currency)
    THEN
        RAISE EXCEPTION 'attempt % %: what was sent cannot change',
            OLD.pay_order_no, OLD.seq USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER attempt_guard BEFORE UPDATE ON attempt
    FOR EACH ROW WHEN (
        OLD.process_status NOT IN ('INIT', 'GW_DOING') OR
        (NEW.trans_type, NEW.channel, NEW.account, NEW.request_no, NEW.amount,
         NEW.currency)
        IS DISTINCT FROM
        (OLD.trans_type, OLD.channel, OLD.account, OLD.request_no, OLD.amount,
         OLD.currency))
    EXECUTE FUNCTION attempt_guard();

-- What happened stays: nothing of it is changed or deleted, but for a row that the same
-- transaction wrote and takes back (a change of a group that a guard refused).
CREATE FUNCTION keep_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.xmin::text::bigint
       = pg_current_xact_id()::text::bigint % 4294967296 THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '%: rows are kept as they are', TG_TABLE_NAME USING ERRCODE = '23514';
END
$$;

CREATE TRIGGER payment_kept BEFORE DELETE ON payment
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER attempt_kept BEFORE DELETE ON attempt
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER transition_kept BEFORE UPDATE OR DELETE ON transition
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER trail_kept BEFORE UPDATE OR DELETE ON trail
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
