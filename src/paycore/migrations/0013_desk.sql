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
-- line's: it has a case and no number of the line's, and takes nothing of what is left
-- of the order.
DO $$
DECLARE
    shape text;
BEGIN
    SELECT conname INTO STRICT shape FROM pg_constraint
    WHERE conrelid = 'refund'::regclass AND contype = 'c'
      AND pg_get_constraintdef(oid) LIKE '%starts_with%';
    EXECUTE format('ALTER TABLE refund DROP CONSTRAINT %I', shape);
END
$$;
ALTER TABLE refund ADD CHECK (
    kind = 'ASKED' AND out_refund_no IS NOT NULL AND case_id IS NULL
        AND refund_no ~ '^[0-9A-Z]{1,28}R[0-9]{2}$'
        AND starts_with(refund_no, pay_order_no || 'R')
    OR kind = 'RETURN' AND out_refund_no IS NULL AND case_id IS NOT NULL
        AND coupon_amount = 0
        AND refund_no ~ '^[0-9A-Z]{1,28}R[0-9]{2}$'
        AND starts_with(refund_no, pay_order_no || 'R')
    OR kind = 'LATE_MONEY' AND out_refund_no IS NULL AND case_id IS NOT NULL
        AND coupon_amount = 0
        AND refund_no = pay_order_no || 'M' || right(original_request_no, 2)
        AND original_request_no = pay_order_no || right(original_request_no, 2)
);
INSERT INTO refund_transition_rule (from_status, event, to_status) VALUES
    ('DOING', 'RETURN_AGREED', 'DOING');
-- By itself or by a person: of one request, once; and once what a channel took beyond
-- it, a second time or too much.
CREATE UNIQUE INDEX refund_returned ON refund (
    pay_order_no, original_request_no,
    (split_part(case_id, ':', 1) IN ('RECON_DUPLICATE_LINE', 'RECON_AMOUNT'))
) WHERE kind <> 'ASKED' AND status <> 'FAIL';

-- What is given back was taken. Asked for: of the leg that paid. Late money: all that one
-- request took and no more, of no leg that paid or may yet have, and with its case. A
-- return: as two people, or one where it is little, agreed on, of a payment that is over.
CREATE OR REPLACE FUNCTION refund_born() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'DOING' OR NOT EXISTS (
        SELECT FROM payment p JOIN attempt a ON a.pay_order_no = p.pay_order_no
        WHERE p.pay_order_no = NEW.pay_order_no
          AND p.biz_line = NEW.biz_line AND p.currency = NEW.currency
          AND (a.channel, a.account, a.request_no)
              = (NEW.channel, NEW.account, NEW.original_request_no)
          AND (NEW.kind = 'LATE_MONEY' AND a.amount = NEW.money_amount
               OR NEW.kind = 'RETURN' AND p.biz_status <> 'DOING'
               OR NEW.kind = 'ASKED' AND p.biz_status = 'SUCCESS'
               AND a.trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
               AND a.process_status = 'GW_SUCCESS')
    ) OR NEW.kind = 'LATE_MONEY' AND (
        EXISTS (
            SELECT FROM attempt
            WHERE pay_order_no = NEW.pay_order_no
              AND request_no = NEW.original_request_no
              AND trans_type IN ('QUICK_PAY_CONFIRM', 'DEDUCT')
              AND process_status IN ('INIT', 'GW_DOING', 'GW_SUCCESS'))
        OR NOT EXISTS (SELECT FROM desk_case WHERE case_id = NEW.case_id)
    ) OR NEW.kind = 'RETURN' AND NOT EXISTS (
        SELECT FROM desk_cure
        WHERE case_id = NEW.case_id AND cure = 'REFUND'
          AND amount = NEW.amount AND currency = NEW.currency
          AND (status = 'EXECUTED' OR status = 'PREVIEWED'
               AND (approved_by IS NOT NULL OR NOT needs_second))
    ) THEN
        RAISE EXCEPTION 'refund %: no such money was taken', NEW.refund_no
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;

-- Our side of a statement. Refunds are rows of their own, and a request whose money came
-- late was paid, whatever became of its attempt: our books have had it since then.
CREATE OR REPLACE VIEW recon_leg AS
    SELECT a.pay_order_no, a.seq AS attempt_seq, a.channel, a.account,
           CASE a.trans_type WHEN 'REFUND' THEN 'REFUND' ELSE 'CHARGE' END AS trade,
           a.request_no, a.amount, a.currency, a.channel_ref,
           CASE WHEN l.refund_no IS NULL THEN a.finished_at
                ELSE l.created_at END AS finished_at,
           CASE WHEN l.refund_no IS NOT NULL THEN 'PAID'
                WHEN a.trans_type = 'QUICK_PAY_SEND_MSG' THEN 'FAILED'
                WHEN a.process_status = 'GW_SUCCESS' THEN 'PAID'
                WHEN a.process_status = 'GW_FAIL' THEN 'FAILED'
                ELSE 'OPEN' END AS status
    FROM attempt a
    LEFT JOIN refund l ON l.pay_order_no = a.pay_order_no AND l.kind = 'LATE_MONEY'
                      AND l.original_request_no = a.request_no
                      AND a.seq = right(a.request_no, 2)::bigint
    WHERE a.trans_type IN ('QUICK_PAY_SEND_MSG', 'QUICK_PAY_CONFIRM', 'DEDUCT', 'REFUND')
      AND a.process_status <> 'ROUTE_FAIL'
    UNION ALL
    SELECT pay_order_no,
           CASE kind WHEN 'LATE_MONEY' THEN 200 ELSE 100 END
               + right(refund_no, 2)::bigint,
           channel, account, 'REFUND', refund_no COLLATE "default", money_amount,
           currency, channel_ref, finished_at,
           CASE status WHEN 'SUCCESS' THEN 'PAID' WHEN 'FAIL' THEN 'FAILED'
                       ELSE 'OPEN' END
    FROM refund;

-- Of a line, and of a difference, whether it says that money moved; and of a difference
-- how often it came again after it was healed, for then it is told again.
ALTER TABLE recon_line ADD COLUMN moved boolean NOT NULL DEFAULT true;
ALTER TABLE recon_line ALTER COLUMN moved DROP DEFAULT;
ALTER TABLE recon_difference ADD COLUMN moved boolean;
ALTER TABLE recon_difference ADD COLUMN returned bigint NOT NULL DEFAULT 0;
ALTER TABLE recon_difference ALTER COLUMN returned DROP DEFAULT;
CREATE OR REPLACE FUNCTION recon_difference_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.channel, NEW.account, NEW.kind, NEW.fact, NEW.found_at)
       IS DISTINCT FROM (OLD.channel, OLD.account, OLD.kind, OLD.fact, OLD.found_at)
       OR NEW.returned NOT IN (OLD.returned, OLD.returned + 1)
       OR (NEW.returned > OLD.returned
           AND (OLD.healed_at IS NULL OR NEW.healed_at IS NOT NULL))
       OR (OLD.told_at IS NOT NULL AND NEW.told_at IS DISTINCT FROM OLD.told_at
           AND (NEW.returned = OLD.returned OR NEW.told_at IS NOT NULL)) THEN
        RAISE EXCEPTION 'recon_difference %: % stays as it was found', OLD.kind, OLD.fact
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;
