-- Reconciliation: what channels say of each day, and where it is not what we say.

-- What a channel takes for its work at an account, as was agreed: millionths of the
-- amount. Without a row fees are not compared.
CREATE TABLE recon_terms (
    channel text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    charge_rate bigint NOT NULL,
    refund_rate bigint NOT NULL,
    CHECK (charge_rate BETWEEN 0 AND 1000000),
    CHECK (refund_rate BETWEEN 0 AND 1000000),
    PRIMARY KEY (channel, account)
);

-- One day of one account: whether its file is there, and what it came to.
CREATE TABLE recon_statement (
    statement_id uuid NOT NULL,
    channel text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    day text COLLATE "C" NOT NULL,
    state text NOT NULL,
    said text NOT NULL,
    tries bigint NOT NULL,
    next_try_at timestamptz,
    expected_at timestamptz NOT NULL,
    file_no bigint NOT NULL,
    octets bigint,
    digest bytea,
    fetched_at timestamptz,
    reconciled_at timestamptz,
    figures jsonb,
    CHECK (state IN ('AWAITED', 'KEPT', 'BROKEN', 'RECONCILED')),
    CHECK ((state IN ('AWAITED', 'BROKEN')) = (next_try_at IS NOT NULL)),
    CHECK (state NOT IN ('KEPT', 'RECONCILED') OR digest IS NOT NULL),
    CHECK (state <> 'RECONCILED' OR (reconciled_at IS NOT NULL AND figures IS NOT NULL)),
    UNIQUE (channel, account, day),
    PRIMARY KEY (statement_id)
);
CREATE INDEX recon_statement_of_day ON recon_statement (day);

-- The files as they came, in pieces, each deflated. A file that was no good stays.
CREATE TABLE recon_chunk (
    statement_id uuid NOT NULL,
    file_no bigint NOT NULL,
    seq bigint NOT NULL,
    deflated bytea NOT NULL,
    PRIMARY KEY (statement_id, file_no, seq)
);
ALTER TABLE recon_chunk ALTER COLUMN deflated SET STORAGE EXTERNAL;

-- What each line of a statement came to, and the attempt it is about.
CREATE TABLE recon_line (
    statement_id uuid NOT NULL,
    line bigint NOT NULL,
    trade text,
    request_no text COLLATE "C" NOT NULL,
    amount bigint,
    fee bigint,
    currency text NOT NULL,
    pay_order_no text COLLATE "C",
    attempt_seq bigint,
    found text NOT NULL,
    PRIMARY KEY (statement_id, line)
);
CREATE INDEX recon_line_of_request ON recon_line (request_no);

-- Ours that stood in no statement of their own day: looked for in those of the next.
CREATE TABLE recon_pool (
    channel text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    trade text COLLATE "C" NOT NULL,
    request_no text COLLATE "C" NOT NULL,
    day text COLLATE "C" NOT NULL,
    pay_order_no text COLLATE "C" NOT NULL,
    attempt_seq bigint NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    moved_at timestamptz NOT NULL,
    state text NOT NULL,
    entered_at timestamptz NOT NULL,
    left_at timestamptz,
    CHECK (state IN ('WAITING', 'FOUND', 'LACKING')),
    CHECK ((state = 'WAITING') = (left_at IS NULL)),
    PRIMARY KEY (channel, account, trade, request_no)
);
CREATE INDEX recon_pool_waiting ON recon_pool (channel, account, day)
    WHERE state = 'WAITING';

-- Where a channel and we differ. The key is the fact: seen again it is the same one.
CREATE TABLE recon_difference (
    channel text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    fact text COLLATE "C" NOT NULL,
    day text COLLATE "C" NOT NULL,
    statement_id uuid,
    line bigint,
    trade text,
    request_no text NOT NULL,
    pay_order_no text COLLATE "C",
    attempt_seq bigint,
    our_amount bigint,
    their_amount bigint,
    our_currency text,
    their_currency text,
    our_fee bigint,
    their_fee bigint,
    our_status text,
    channel_ref text NOT NULL,
    happened_at timestamptz,
    said text NOT NULL,
    found_at timestamptz NOT NULL,
    healed_at timestamptz,
    told_at timestamptz,
    PRIMARY KEY (channel, account, kind, fact)
);
CREATE INDEX recon_difference_of_day ON recon_difference (day);
CREATE INDEX recon_difference_of_statement ON recon_difference (statement_id);
CREATE INDEX recon_difference_untold ON recon_difference (channel, account)
    WHERE told_at IS NULL AND healed_at IS NULL;

-- Our side: every leg that moved money, or was to, as statements name it. A code that
-- was sent opened an order at the channel, by which somebody may have taken money.
CREATE VIEW recon_leg AS
    SELECT pay_order_no, seq AS attempt_seq, channel, account,
           CASE trans_type WHEN 'REFUND' THEN 'REFUND' ELSE 'CHARGE' END AS trade,
           request_no, amount, currency, channel_ref, finished_at,
           CASE WHEN trans_type = 'QUICK_PAY_SEND_MSG' THEN 'FAILED'
                WHEN process_status = 'GW_SUCCESS' THEN 'PAID'
                WHEN process_status = 'GW_FAIL' THEN 'FAILED'
                ELSE 'OPEN' END AS status
    FROM attempt
    WHERE trans_type IN ('QUICK_PAY_SEND_MSG', 'QUICK_PAY_CONFIRM', 'DEDUCT', 'REFUND')
      AND process_status <> 'ROUTE_FAIL';

-- What was found stays, but for its being healed or told; a file stays as it came, or
-- goes as a whole where it never came to its end.
CREATE FUNCTION recon_difference_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.channel, NEW.account, NEW.kind, NEW.fact, NEW.found_at)
       IS DISTINCT FROM (OLD.channel, OLD.account, OLD.kind, OLD.fact, OLD.found_at)
       OR (OLD.told_at IS NOT NULL AND NEW.told_at IS DISTINCT FROM OLD.told_at) THEN
        RAISE EXCEPTION 'recon_difference %: % stays as it was found', OLD.kind, OLD.fact
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER recon_difference_stays BEFORE UPDATE ON recon_difference
    FOR EACH ROW EXECUTE FUNCTION recon_difference_guard();
CREATE TRIGGER recon_difference_kept BEFORE DELETE ON recon_difference
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER recon_chunk_stays BEFORE UPDATE ON recon_chunk
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
