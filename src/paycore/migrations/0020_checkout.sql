-- The payer's checkout: what a business line asks to be paid on a page of ours, and the
-- payment that came of it.

CREATE TABLE checkout (
    checkout_no text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    biz_line text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    salt bytea NOT NULL,
    digest bytea NOT NULL,
    out_biz_no text COLLATE "C" NOT NULL,
    biz_order_no text COLLATE "C",
    amount bigint NOT NULL,
    currency text NOT NULL,
    subject text NOT NULL,
    coupon_no text COLLATE "C",
    coupon_amount bigint NOT NULL,
    card_ids jsonb NOT NULL,
    sign jsonb,
    own_cards jsonb NOT NULL,
    return_url text NOT NULL,
    locale text,
    pay_order_no text COLLATE "C",
    opened_at timestamptz,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CHECK (length(digest) = 32),
    CHECK (amount > coupon_amount AND coupon_amount >= 0),
    CHECK ((pay_order_no IS NULL) = (opened_at IS NULL)),
    PRIMARY KEY (checkout_no)
);
-- For retention.
CREATE INDEX checkout_expires_at ON checkout (expires_at);
-- For the audit, which looks from a payment's number on.
CREATE INDEX checkout_pay_order_no ON checkout (pay_order_no)
    WHERE pay_order_no IS NOT NULL;

-- The line's own number names one checkout, so long as that is kept.
CREATE TABLE checkout_out_biz_no (
    biz_line text COLLATE "C" NOT NULL,
    out_biz_no text COLLATE "C" NOT NULL,
    checkout_no text COLLATE "C" NOT NULL,
    content bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (biz_line, out_biz_no)
);
CREATE INDEX checkout_out_biz_no_expires_at ON checkout_out_biz_no (expires_at);

-- What is asked for stays as it was made, and the payment that came of it, once named.
CREATE FUNCTION checkout_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.biz_line, NEW.key_id, NEW.salt, NEW.digest, NEW.out_biz_no,
        NEW.biz_order_no, NEW.amount, NEW.currency, NEW.subject, NEW.coupon_no,
        NEW.coupon_amount, NEW.card_ids, NEW.sign, NEW.return_url, NEW.locale,
        NEW.created_at, NEW.expires_at)
       IS DISTINCT FROM
       (OLD.biz_line, OLD.key_id, OLD.salt, OLD.digest, OLD.out_biz_no,
        OLD.biz_order_no, OLD.amount, OLD.currency, OLD.subject, OLD.coupon_no,
        OLD.coupon_amount, OLD.card_ids, OLD.sign, OLD.return_url, OLD.locale,
        OLD.created_at, OLD.expires_at)
       OR (OLD.pay_order_no IS NOT NULL
           AND (NEW.pay_order_no, NEW.opened_at)
               IS DISTINCT FROM (OLD.pay_order_no, OLD.opened_at)) THEN
        RAISE EXCEPTION 'checkout %: it stays as it was made', OLD.checkout_no
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER checkout_guard BEFORE UPDATE ON checkout
    FOR EACH ROW EXECUTE FUNCTION checkout_guard();
