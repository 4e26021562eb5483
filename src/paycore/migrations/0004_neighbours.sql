-- Business lines, cards, coupons, accounting, notices, SMS centre, exception desk.

-- Business lines.
CREATE TABLE lines_biz_line (
    biz_line text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    title text NOT NULL,
    language text NOT NULL,
    currencies jsonb NOT NULL,
    enabled boolean NOT NULL,
    CHECK (language IN ('zh', 'en')),
    PRIMARY KEY (biz_line)
);

-- API keys, hashed.
CREATE TABLE lines_api_key (
    key_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    biz_line text NOT NULL,
    digest bytea NOT NULL,
    label text NOT NULL,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    PRIMARY KEY (key_id)
);

-- The vault: `sealed` is AES-256-GCM under the key ring.
CREATE TABLE cards_card (
    card_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    biz_line text NOT NULL,
    sealed bytea NOT NULL,
    number_hash bytea NOT NULL,
    phone_hash bytea NOT NULL,
    bin text NOT NULL,
    tail text NOT NULL,
    phone_masked text NOT NULL,
    holder_masked text NOT NULL,
    bank text NOT NULL,
    card_kind text NOT NULL,
    status text NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CHECK (status IN ('ACTIVE', 'REVOKED')),
    CHECK (length(tail) = 4),
    PRIMARY KEY (card_id)
);
CREATE INDEX cards_card_of_line ON cards_card (biz_line, card_id);
CREATE INDEX cards_card_number ON cards_card (number_hash);

-- Agreements and mandates.
CREATE TABLE cards_agreement (
    card_id text COLLATE "C" NOT NULL,
    pay_type text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    token bytea NOT NULL,
    single_limit bigint,
    daily_limit bigint,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    status text NOT NULL,
    CHECK (pay_type IN ('QUICK_PAY', 'DEDUCT')),
    CHECK (status IN ('ACTIVE', 'REVOKED')),
    PRIMARY KEY (card_id, pay_type, channel, account)
);

-- Coupons; locked by at most one order because a row has one holder.
CREATE TABLE coupon (
    biz_line text COLLATE "C" NOT NULL,
    coupon_no text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    holder text,
    locked_at timestamptz,
    used_at timestamptz,
    valid_until timestamptz,
    next_check_at timestamptz,
    lease_epoch bigint,
    lease_until timestamptz,
    CHECK (amount >= 1),
    CHECK (status IN ('AVAILABLE', 'LOCKED', 'USED')),
    CHECK ((status = 'AVAILABLE') = (holder IS NULL)),
    CHECK ((status = 'USED') = (used_at IS NOT NULL)),
    CHECK ((status = 'LOCKED') = (next_check_at IS NOT NULL)),
    PRIMARY KEY (biz_line, coupon_no)
);
CREATE INDEX coupon_due ON coupon (next_check_at) WHERE next_check_at IS NOT NULL;

-- Postings: one per fact and kind.
CREATE TABLE accounting_posting (
    pay_order_no text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    currency text NOT NULL,
    amount bigint NOT NULL,
    at timestamptz NOT NULL,
    CHECK (amount >= 1),
    PRIMARY KEY (pay_order_no, kind)
) PARTITION BY RANGE (pay_order_no);

-- Their lines.
CREATE TABLE accounting_entry (
    pay_order_no text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    line bigint NOT NULL,
    account text NOT NULL,
    side text NOT NULL,
    amount bigint NOT NULL,
    CHECK (side IN ('DEBIT', 'CREDIT')),
    CHECK (amount >= 1),
    PRIMARY KEY (pay_order_no, kind, line)
) PARTITION BY RANGE (pay_order_no);

-- Balances, one row a node slot, summed when read.
CREATE TABLE accounting_balance (
    account text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    slot bigint NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (account, currency, slot)
);

-- End points.
CREATE TABLE notify_endpoint (
    endpoint_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    biz_line text NOT NULL,
    url text NOT NULL,
    secrets bytea NOT NULL,
    enabled boolean NOT NULL,
    disabled_reason text,
    PRIMARY KEY (endpoint_id)
);
CREATE INDEX notify_endpoint_of_line ON notify_endpoint (biz_line);

-- The outbox.
CREATE TABLE notify_notice (
    pay_order_no text COLLATE "C" NOT NULL,
    notice_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    biz_line text NOT NULL,
    endpoint_id text,
    type text NOT NULL,
    body bytea NOT NULL,
    status text NOT NULL,
    tries bigint NOT NULL,
    last_result text NOT NULL,
    created_at timestamptz NOT NULL,
    delivered_at timestamptz,
    replayed_at timestamptz,
    next_check_at timestamptz,
    lease_epoch bigint,
    lease_until timestamptz,
    CHECK (status IN ('PENDING', 'DELIVERED', 'PARKED')),
    CHECK ((status = 'PENDING') = (next_check_at IS NOT NULL)),
    PRIMARY KEY (pay_order_no, notice_id)
) PARTITION BY RANGE (pay_order_no);
CREATE INDEX notify_notice_due ON notify_notice (next_check_at) WHERE next_check_at IS NOT NULL;

-- Codes, as keyed hashes.
CREATE TABLE sms_code (
    pay_order_no text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    version bigint NOT NULL,
    digest bytea NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    card_id text NOT NULL,
    phone_hash bytea NOT NULL,
    status text NOT NULL,
    tries bigint NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    passed_at timestamptz,
    CHECK (status IN ('PENDING', 'ACTIVE', 'PASSED', 'VOID', 'LOCKED')),
    CHECK (status <> 'PASSED' OR passed_at IS NOT NULL),
    CHECK (tries >= 0),
    PRIMARY KEY (pay_order_no, seq)
) PARTITION BY RANGE (pay_order_no);

-- I9: at most one code of a payment is good. A trigger and no unique index: one statement
-- makes the old code void and the new one good, in whatever order the planner likes, and
-- a trigger AFTER looks when it has done both.
CREATE FUNCTION sms_code_one_good() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM sms_code AS other
               WHERE other.pay_order_no = NEW.pay_order_no AND other.seq <> NEW.seq
                 AND other.status IN ('ACTIVE', 'PASSED')) THEN
        RAISE EXCEPTION 'sms_code %: another code is good', NEW.pay_order_no
            USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER sms_code_one_good_inserted AFTER INSERT ON sms_code
    FOR EACH ROW WHEN (NEW.status IN ('ACTIVE', 'PASSED'))
    EXECUTE FUNCTION sms_code_one_good();
CREATE TRIGGER sms_code_one_good_updated AFTER UPDATE ON sms_code
    FOR EACH ROW WHEN (NEW.status IN ('ACTIVE', 'PASSED') AND NEW.status <> OLD.status)
    EXECUTE FUNCTION sms_code_one_good();

-- What a code is bound to, and until when it is good, is never changed (I8, I27).
CREATE FUNCTION sms_code_bound() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'sms_code %: a code stays bound to what it was made for',
        OLD.pay_order_no USING ERRCODE = '23514';
END
$$;

CREATE TRIGGER sms_code_bound BEFORE UPDATE ON sms_code
    FOR EACH ROW WHEN (
        (NEW.digest, NEW.amount, NEW.currency, NEW.card_id, NEW.phone_hash,
         NEW.created_at, NEW.expires_at) IS DISTINCT FROM
        (OLD.digest, OLD.amount, OLD.currency, OLD.card_id, OLD.phone_hash,
         OLD.created_at, OLD.expires_at))
    EXECUTE FUNCTION sms_code_bound();

-- Carriers.
CREATE TABLE sms_carrier (
    carrier text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    driver text NOT NULL,
    base_url text NOT NULL,
    credentials bytea NOT NULL,
    priority bigint NOT NULL,
    enabled boolean NOT NULL,
    PRIMARY KEY (carrier)
);

-- Cases for people.
CREATE TABLE desk_case (
    case_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    kind text NOT NULL,
    pay_order_no text COLLATE "C",
    attempt_seq bigint,
    amount bigint,
    currency text,
    evidence jsonb NOT NULL,
    opened_at timestamptz NOT NULL,
    owner text NOT NULL,
    status text NOT NULL,
    CHECK (status IN ('OPEN', 'CLOSED')),
    PRIMARY KEY (case_id)
);
CREATE INDEX desk_case_open ON desk_case (opened_at) WHERE status = 'OPEN';

-- Used and passed are final too.
CREATE FUNCTION final_row_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% %: % is final', TG_TABLE_NAME, to_jsonb(OLD) -> TG_ARGV[0], OLD.status
        USING ERRCODE = '23514';
END
$$;

CREATE TRIGGER coupon_final BEFORE UPDATE ON coupon
    -- Another order's unlock leaves it as it is, and writes that.
    FOR EACH ROW WHEN (OLD.status = 'USED' AND
                       (OLD.status, OLD.holder, OLD.amount, OLD.currency, OLD.used_at)
                       IS DISTINCT FROM
                       (NEW.status, NEW.holder, NEW.amount, NEW.currency, NEW.used_at))
    EXECUTE FUNCTION final_row_guard('coupon_no');
CREATE TRIGGER sms_code_final BEFORE UPDATE ON sms_code
    FOR EACH ROW WHEN (
        -- A late answer may find its code replaced, and then writes it as it stands.
        (OLD.status IN ('VOID', 'LOCKED') AND NEW.status <> OLD.status) OR
        (OLD.status = 'PASSED' AND NEW.status NOT IN ('PASSED', 'VOID', 'LOCKED')) OR
        (OLD.status = 'ACTIVE' AND NEW.status = 'PENDING') OR
        (OLD.status = 'PENDING' AND NEW.status NOT IN ('PENDING', 'ACTIVE', 'VOID')))
    EXECUTE FUNCTION final_row_guard('pay_order_no');
CREATE TRIGGER notify_notice_final BEFORE UPDATE ON notify_notice
    -- A person may have it sent again, as it was.
    FOR EACH ROW WHEN (OLD.status = 'DELIVERED' AND
                       (NEW.status <> 'PENDING' OR NEW.body <> OLD.body OR
                        NEW.replayed_at IS NOT DISTINCT FROM OLD.replayed_at))
    EXECUTE FUNCTION final_row_guard('notice_id');

-- The books are only ever added to.
CREATE TRIGGER accounting_posting_kept BEFORE UPDATE OR DELETE ON accounting_posting
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER accounting_entry_kept BEFORE UPDATE OR DELETE ON accounting_entry
    FOR EACH ROW EXECUTE FUNCTION keep_guard();

-- So is what was said and why; and nothing of it goes all at once.
CREATE TRIGGER gateway_message_kept BEFORE UPDATE OR DELETE ON gateway_message
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER router_decision_kept BEFORE UPDATE OR DELETE ON router_decision
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER payment_not_truncated BEFORE TRUNCATE ON payment
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();
CREATE TRIGGER attempt_not_truncated BEFORE TRUNCATE ON attempt
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();
CREATE TRIGGER transition_not_truncated BEFORE TRUNCATE ON transition
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();
CREATE TRIGGER accounting_posting_not_truncated BEFORE TRUNCATE ON accounting_posting
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();
CREATE TRIGGER accounting_entry_not_truncated BEFORE TRUNCATE ON accounting_entry
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();

-- Partitions by month of the payment's number. Numbers outside of every month (a clock
-- that is far off) fall into the default one.
CREATE FUNCTION ensure_partitions(first_day date, months integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    parent text;
    month integer;
    lower_bound text;
    upper_bound text;
BEGIN
    FOR parent IN
        SELECT c.relname FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
        ORDER BY c.relname
    LOOP
        FOR month IN 0 .. months - 1 LOOP
            lower_bound := to_char(first_day + make_interval(months => month), 'YYMM');
            upper_bound := to_char(first_day + make_interval(months => month + 1), 'YYMM');
            EXECUTE format(
                'CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                parent || '_p' || lower_bound, parent, lower_bound, upper_bound);
        END LOOP;
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I DEFAULT',
                       parent || '_p_other', parent);
    END LOOP;
END
$$;

SELECT ensure_partitions(date_trunc('month', clock_timestamp())::date, 3);
