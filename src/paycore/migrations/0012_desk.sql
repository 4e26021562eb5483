-- The exception desk: who did what about a case, and what came of it; and money that no
-- order covers, which goes back by the leg that was charged.

ALTER TABLE desk_case ADD COLUMN closed_at timestamptz;

-- A cure of a case: seen before it is done, by two where it is about much.
CREATE TABLE desk_cure (
    case_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    version bigint NOT NULL,
    cure text NOT NULL,
    amount bigint,
    currency text,
    does text NOT NULL,
    seen bytea NOT NULL,
    needs_second boolean NOT NULL,
    status text NOT NULL,
    proposed_by text NOT NULL,
    why text NOT NULL,
    proposed_at timestamptz NOT NULL,
    approved_by text,
    approved_at timestamptz,
    executed_by text,
    executed_at timestamptz,
    result text NOT NULL,
    ended_at timestamptz,
    CHECK (status IN ('PREVIEWED', 'EXECUTED', 'DONE', 'FAILED')),
    CHECK (btrim(why) <> '' AND proposed_by <> ''),
    -- F74: two people, and they are two.
    CHECK (approved_by <> proposed_by),
    CHECK (status = 'PREVIEWED' OR NOT needs_second OR approved_by IS NOT NULL),
    CHECK ((status = 'PREVIEWED') = (executed_by IS NULL)),
    CHECK ((status IN ('DONE', 'FAILED')) = (ended_at IS NOT NULL)),
    PRIMARY KEY (case_id, number)
);
-- One at a time.
CREATE UNIQUE INDEX desk_cure_running ON desk_cure (case_id) WHERE status = 'EXECUTED';

-- What was done about a case, in order and without a gap.
CREATE TABLE desk_step (
    case_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    who text NOT NULL,
    what text NOT NULL,
    why text NOT NULL,
    cure_number bigint,
    said text NOT NULL,
    CHECK (who <> '' AND btrim(why) <> ''),
    PRIMARY KEY (case_id, seq)
);

CREATE FUNCTION desk_cure_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status IN ('DONE', 'FAILED')
       OR (OLD.status = 'EXECUTED' AND NEW.status = 'PREVIEWED')
       OR (NEW.cure, NEW.amount, NEW.currency, NEW.seen, NEW.needs_second,
           NEW.proposed_by, NEW.why, NEW.proposed_at)
          IS DISTINCT FROM
          (OLD.cure, OLD.amount, OLD.currency, OLD.seen, OLD.needs_second,
           OLD.proposed_by, OLD.why, OLD.proposed_at)
       OR (OLD.approved_by IS NOT NULL
           AND NEW.approved_by IS DISTINCT FROM OLD.approved_by) THEN
        RAISE EXCEPTION 'desk_cure % %: it stays as it was agreed on',
            OLD.case_id, OLD.number USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER desk_cure_guard BEFORE UPDATE ON desk_cure
    FOR EACH ROW EXECUTE FUNCTION desk_cure_guard();
CREATE TRIGGER desk_cure_kept BEFORE DELETE ON desk_cure
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER desk_step_kept BEFORE UPDATE OR DELETE ON desk_step
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER desk_step_not_truncated BEFORE TRUNCATE ON desk_step
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();

-- A return: a refund of money that no order covers. It is the desk's and not the
-- line's, takes nothing of what is left of the order, and there is one a leg.
ALTER TABLE refund ADD COLUMN case_id text COLLATE "C";
CREATE UNIQUE INDEX refund_returned ON refund (pay_order_no, original_request_no)
    WHERE case_id IS NOT NULL AND status <> 'FAIL';

CREATE OR REPLACE FUNCTION refund_born() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'DOING' OR NOT EXISTS (
        SELECT FROM payment p JOIN attempt a ON a.pay_order_no = p.pay_order_no
        WHERE p.pay_order_no = NEW.pay_order_no
          AND p.biz_line = NEW.biz_line AND p.currency = NEW.currency
          AND (a.channel, a.account, a.request_no)
              = (NEW.channel, NEW.account, NEW.original_request_no)
          AND CASE WHEN NEW.case_id IS NULL
              THEN p.biz_status = 'SUCCESS'
               AND a.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
               AND a.process_status = 'GW_SUCCESS'
              ELSE p.biz_status <> 'DOING' AND EXISTS (
                  SELECT FROM desk_cure c
                  WHERE c.case_id = NEW.case_id AND c.cure = 'REFUND'
                    AND c.amount = NEW.amount AND c.currency = NEW.currency)
              END
    ) THEN
        RAISE EXCEPTION 'refund %: no such money was taken', NEW.refund_no
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION refund_reserved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) ->> 'case_id' IS NOT NULL THEN
        RETURN NULL;
    END IF;
    IF NOT EXISTS (
        SELECT FROM refund_total t,
            (SELECT coalesce(sum(amount), 0) AS amount,
                    coalesce(sum(money_amount), 0) AS money
             FROM refund
             WHERE pay_order_no = NEW.pay_order_no AND status <> 'FAIL'
               AND case_id IS NULL) AS live
        WHERE t.pay_order_no = NEW.pay_order_no
          AND live.amount <= t.taken_amount AND live.money <= t.taken_money
    ) THEN
        RAISE EXCEPTION 'refund %: it is not reserved of what was paid', NEW.pay_order_no
            USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END
$$;

-- Our side of a statement: refunds are rows of their own.
CREATE OR REPLACE VIEW recon_leg AS
    SELECT pay_order_no, seq AS attempt_seq, channel, account,
           CASE trans_type WHEN 'REFUND' THEN 'REFUND' ELSE 'CHARGE' END AS trade,
           request_no, amount, currency, channel_ref, finished_at,
           CASE WHEN trans_type = 'QUICK_PAY_SEND_MSG' THEN 'FAILED'
                WHEN process_status = 'GW_SUCCESS' THEN 'PAID'
                WHEN process_status = 'GW_FAIL' THEN 'FAILED'
                ELSE 'OPEN' END AS status
    FROM attempt
    WHERE trans_type IN ('QUICK_PAY_SEND_MSG', 'QUICK_PAY_CONFIRM', 'DEDUCT', 'REFUND')
      AND process_status <> 'ROUTE_FAIL'
    UNION ALL
    SELECT pay_order_no, 100 + right(refund_no, 2)::bigint, channel, account, 'REFUND',
           refund_no COLLATE "default", money_amount, currency, channel_ref, finished_at,
           CASE status WHEN 'SUCCESS' THEN 'PAID' WHEN 'FAIL' THEN 'FAILED'
                       ELSE 'OPEN' END
    FROM refund;
