-- Late money: what a channel took when it must not goes back whole, by itself.

-- A refund that nobody asked for has no number of the line's, and takes nothing of what
-- was paid; its own number is that of the request whose money goes back, so there is one
-- of each request for ever. Named after it in the case that a person has.
ALTER TABLE refund ADD COLUMN kind text NOT NULL DEFAULT 'ASKED';
ALTER TABLE refund ALTER COLUMN kind DROP DEFAULT;
ALTER TABLE refund ADD COLUMN case_id text COLLATE "C";
ALTER TABLE refund ALTER COLUMN out_refund_no DROP NOT NULL;
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
    OR kind = 'LATE_MONEY' AND out_refund_no IS NULL AND case_id IS NOT NULL
        AND coupon_amount = 0
        AND refund_no = pay_order_no || 'M' || right(original_request_no, 2)
        AND original_request_no = pay_order_no || right(original_request_no, 2)
);

INSERT INTO refund_transition_rule (from_status, event, to_status) VALUES
    ('DOING', 'LATE_MONEY_CAME', 'DOING');

-- What is given back was taken. Asked for: of the leg that paid. Late money: all that one
-- request took and no more, of no leg that paid or may yet have, and with its case.
CREATE OR REPLACE FUNCTION refund_born() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'DOING' OR NOT EXISTS (
        SELECT FROM payment p JOIN attempt a ON a.pay_order_no = p.pay_order_no
        WHERE p.pay_order_no = NEW.pay_order_no
          AND p.biz_line = NEW.biz_line AND p.currency = NEW.currency
          AND (a.channel, a.account, a.request_no)
              = (NEW.channel, NEW.account, NEW.original_request_no)
          AND (NEW.kind = 'LATE_MONEY' AND a.amount = NEW.money_amount
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
    ) THEN
        RAISE EXCEPTION 'refund %: no such money was taken', NEW.refund_no
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION refund_guard() RETURNS trigger LANGUAGE plpgsql AS $$
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
    IF (NEW.biz_line, NEW.kind, NEW.out_refund_no, NEW.case_id, NEW.amount,
        NEW.money_amount, NEW.currency, NEW.channel, NEW.account,
        NEW.original_request_no, NEW.created_at)
       IS DISTINCT FROM
       (OLD.biz_line, OLD.kind, OLD.out_refund_no, OLD.case_id, OLD.amount,
        OLD.money_amount, OLD.currency, OLD.channel, OLD.account,
        OLD.original_request_no, OLD.created_at) THEN
        RAISE EXCEPTION 'refund %: what was sent cannot change', OLD.refund_no
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;

-- Late money is no part of a payment's total: it has none where nothing was paid.
CREATE OR REPLACE FUNCTION refund_reserved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM refund_total t,
            (SELECT coalesce(sum(amount), 0) AS amount,
                    coalesce(sum(money_amount), 0) AS money
             FROM refund
             WHERE pay_order_no = NEW.pay_order_no AND kind = 'ASKED'
               AND status <> 'FAIL') AS live
        WHERE t.pay_order_no = NEW.pay_order_no
          AND live.amount <= t.taken_amount AND live.money <= t.taken_money
    ) THEN
        RAISE EXCEPTION 'refund %: it is not reserved of what was paid', NEW.pay_order_no
            USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END
$$;
DROP TRIGGER refund_reserved ON refund;
CREATE TRIGGER refund_reserved AFTER INSERT OR UPDATE ON refund
    FOR EACH ROW WHEN (NEW.kind = 'ASKED') EXECUTE FUNCTION refund_reserved();
