-- Coupons that live in a system of the user's own: what each order has of one there.

-- An order's hold, and in it what is owed: a use or an unlock, told until the other side
-- acknowledges it. No row where coupons are rows of ours.
CREATE TABLE coupon_hold (
    pay_order_no text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    biz_line text COLLATE "C" NOT NULL,
    coupon_no text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    status text NOT NULL,
    tries bigint NOT NULL,
    last_result text NOT NULL,
    owed_at timestamptz,
    acknowledged_at timestamptz,
    next_check_at timestamptz,
    lease_epoch bigint,
    lease_until timestamptz,
    CHECK (amount >= 1),
    CHECK (status IN ('NAMED', 'ASKED', 'LOCKED', 'USING', 'USED', 'FREEING', 'FREED')),
    CHECK ((status IN ('USING', 'FREEING')) = (next_check_at IS NOT NULL)),
    CHECK ((status IN ('NAMED', 'ASKED', 'LOCKED')) = (owed_at IS NULL)),
    CHECK ((status IN ('USED', 'FREED')) = (acknowledged_at IS NOT NULL)),
    PRIMARY KEY (pay_order_no)
) PARTITION BY RANGE (pay_order_no);
CREATE INDEX coupon_hold_due ON coupon_hold (next_check_at)
    WHERE next_check_at IS NOT NULL;
CREATE TRIGGER coupon_hold_kept BEFORE DELETE ON coupon_hold
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
-- What is owed is owed for good, and what was acknowledged stays.
CREATE TRIGGER coupon_hold_final BEFORE UPDATE ON coupon_hold
    FOR EACH ROW WHEN (
        OLD.status IN ('USED', 'FREED') OR
        (OLD.status = 'USING' AND NEW.status NOT IN ('USING', 'USED')) OR
        (OLD.status = 'FREEING' AND NEW.status NOT IN ('FREEING', 'FREED')))
    EXECUTE FUNCTION final_row_guard('coupon_no');

-- Nothing goes of a payment of which a use or an unlock is owed, or a posting to be told.
CREATE OR REPLACE VIEW retention_held AS
    SELECT pay_order_no FROM payment WHERE next_check_at IS NOT NULL
    UNION ALL
    SELECT pay_order_no FROM notify_notice WHERE next_check_at IS NOT NULL
    UNION ALL
    SELECT pay_order_no FROM desk_case
    WHERE status = 'OPEN' AND pay_order_no IS NOT NULL
    UNION ALL
    SELECT pay_order_no FROM refund WHERE next_check_at IS NOT NULL
    UNION ALL
    SELECT pay_order_no FROM coupon_hold WHERE next_check_at IS NOT NULL
    UNION ALL
    SELECT pay_order_no FROM accounting_feed WHERE next_check_at IS NOT NULL;

-- The months that payments have: an order may end long after it was opened.
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
            'CREATE TABLE %I PARTITION OF coupon_hold FOR VALUES FROM (%L) TO (%L)',
            'coupon_hold_p' || month, month,
            to_char(to_date(month, 'YYMM') + interval '1 month', 'YYMM'));
    END LOOP;
    CREATE TABLE coupon_hold_p_other PARTITION OF coupon_hold DEFAULT;
END
$$;
