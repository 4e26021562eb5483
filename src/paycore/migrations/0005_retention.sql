-- Jobs by the day, and what goes by its age: who may take it away, and that it was.

-- One job of one day: whoever claims it runs it.
CREATE TABLE job (
    job text COLLATE "C" NOT NULL,
    day text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    tries bigint NOT NULL,
    result text NOT NULL,
    begun_at timestamptz,
    finished_at timestamptz,
    next_check_at timestamptz,
    lease_epoch bigint,
    lease_until timestamptz,
    CHECK ((finished_at IS NULL) = (next_check_at IS NOT NULL)),
    PRIMARY KEY (job, day)
);
CREATE INDEX job_due ON job (next_check_at) WHERE next_check_at IS NOT NULL;

-- What was taken away because of its age, never changed but by what goes on being taken.
CREATE TABLE retention_removal (
    removal_id uuid PRIMARY KEY,
    table_name text COLLATE "C" NOT NULL,
    partition text,
    how text NOT NULL,
    before text COLLATE "C",
    until timestamptz NOT NULL,
    rows bigint NOT NULL,
    octets bigint NOT NULL,
    begun_at timestamptz NOT NULL,
    finished_at timestamptz,
    CHECK (how IN ('DROPPED', 'DELETED', 'EMPTIED')),
    CHECK (how <> 'DROPPED' OR (partition IS NOT NULL AND before IS NOT NULL)),
    CHECK (rows >= 0 AND octets >= 0)
);

-- Payments of which nothing goes, however old they are: each is found by a small index
-- on what is open. A locked coupon's order is DOING (I10).
CREATE VIEW retention_held AS
    SELECT pay_order_no FROM payment WHERE next_check_at IS NOT NULL
    UNION ALL
    SELECT pay_order_no FROM notify_notice WHERE next_check_at IS NOT NULL
    UNION ALL
    SELECT pay_order_no FROM desk_case
    WHERE status = 'OPEN' AND pay_order_no IS NOT NULL;

CREATE INDEX desk_case_open_payment ON desk_case (pay_order_no)
    WHERE status = 'OPEN' AND pay_order_no IS NOT NULL;

-- As keep_guard, but that what is old may go: where the same transaction has it on
-- record, up to which number, and nothing of a payment that is open or has a case.
CREATE FUNCTION age_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    mine bigint := pg_current_xact_id()::text::bigint % 4294967296;
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.xmin::text::bigint = mine THEN
            RETURN OLD;
        END IF;
        IF EXISTS (
            SELECT FROM retention_removal r
            WHERE r.table_name = TG_ARGV[0] AND r.xmin::text::bigint = mine
              AND OLD.pay_order_no < r.before
        ) AND NOT EXISTS (
            SELECT FROM retention_held h WHERE h.pay_order_no = OLD.pay_order_no
        ) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '%: rows are kept as they are', TG_TABLE_NAME USING ERRCODE = '23514';
END
$$;

DROP TRIGGER gateway_message_kept ON gateway_message;
CREATE TRIGGER gateway_message_kept BEFORE UPDATE OR DELETE ON gateway_message
    FOR EACH ROW EXECUTE FUNCTION age_guard('gateway_message');
DROP TRIGGER router_decision_kept ON router_decision;
CREATE TRIGGER router_decision_kept BEFORE UPDATE OR DELETE ON router_decision
    FOR EACH ROW EXECUTE FUNCTION age_guard('router_decision');
DROP TRIGGER trail_kept ON trail;
CREATE TRIGGER trail_kept BEFORE UPDATE OR DELETE ON trail
    FOR EACH ROW EXECUTE FUNCTION age_guard('trail');
CREATE TRIGGER sms_code_kept BEFORE DELETE ON sms_code
    FOR EACH ROW EXECUTE FUNCTION age_guard('sms_code');

CREATE TRIGGER gateway_message_not_truncated BEFORE TRUNCATE ON gateway_message
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();
CREATE TRIGGER router_decision_not_truncated BEFORE TRUNCATE ON router_decision
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();
CREATE TRIGGER trail_not_truncated BEFORE TRUNCATE ON trail
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();
CREATE TRIGGER sms_code_not_truncated BEFORE TRUNCATE ON sms_code
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();

-- An answer outlives its promise (I18), whatever a node's clock says.
CREATE TRIGGER idempotency_key_kept BEFORE DELETE ON idempotency_key
    FOR EACH ROW WHEN (OLD.body IS NOT NULL AND OLD.expires_at > clock_timestamp())
    EXECUTE FUNCTION keep_guard();

-- The record of what went says so for ever.
CREATE FUNCTION retention_removal_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.removal_id, NEW.table_name, NEW.partition, NEW.how, NEW.before, NEW.until,
        NEW.begun_at)
       IS DISTINCT FROM
       (OLD.removal_id, OLD.table_name, OLD.partition, OLD.how, OLD.before, OLD.until,
        OLD.begun_at)
       OR NEW.rows < OLD.rows OR NEW.octets < OLD.octets OR OLD.finished_at IS NOT NULL
    THEN
        RAISE EXCEPTION 'retention_removal %: it only grows, until it is finished',
            OLD.removal_id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER retention_removal_grows BEFORE UPDATE ON retention_removal
    FOR EACH ROW EXECUTE FUNCTION retention_removal_guard();
CREATE TRIGGER retention_removal_kept BEFORE DELETE ON retention_removal
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER retention_removal_not_truncated BEFORE TRUNCATE ON retention_removal
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();

-- Revoked cards whose facts are still there: few.
CREATE INDEX cards_card_revoked ON cards_card (revoked_at)
    WHERE revoked_at IS NOT NULL AND sealed <> '';
