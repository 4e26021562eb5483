-- Deductions: deduct as a product of its own, and as what a line sells for quick pay.

-- A payment of type DEDUCT was converted to it, with time and cause, or ordered so.
DO $$
DECLARE
    only_converted text;
BEGIN
    SELECT conname INTO STRICT only_converted FROM pg_constraint
    WHERE conrelid = 'payment'::regclass AND contype = 'c'
      AND pg_get_constraintdef(oid) LIKE '%convert_cause%';
    EXECUTE format('ALTER TABLE payment DROP CONSTRAINT %I', only_converted);
END
$$;
ALTER TABLE payment
    ADD CONSTRAINT payment_converted_with_cause
        CHECK ((converted_at IS NULL) = (convert_cause IS NULL)),
    ADD CONSTRAINT payment_converted_to_deduct
        CHECK (pay_type = 'DEDUCT' OR converted_at IS NULL);

-- I3: whatever changes its type is a conversion; what was ordered as deduct is none.
CREATE FUNCTION payment_conversion_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'payment %: a change of pay type is a conversion', OLD.pay_order_no
        USING ERRCODE = '23514';
END
$$;

CREATE TRIGGER payment_conversion_guard BEFORE UPDATE ON payment
    FOR EACH ROW WHEN (
        (NEW.pay_type <> OLD.pay_type) <>
        (NEW.converted_at IS DISTINCT FROM OLD.converted_at))
    EXECUTE FUNCTION payment_conversion_guard();

-- Deduct sold as quick pay: converted as it is opened.
ALTER TABLE lines_biz_line ADD COLUMN always_converted boolean NOT NULL DEFAULT false;
