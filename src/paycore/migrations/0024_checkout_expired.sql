-- That a checkout is over is written down before anybody is told so. Expands: nodes of
-- the version before go on beside it; what they open under a checkout that is over they
-- cannot name, and so not confirm.

ALTER TABLE checkout ADD COLUMN expired_at timestamptz;

-- What is asked for stays as it was made, and the payment that came of it, once named;
-- or it is over, from its time on and for ever, and no payment comes of it.
CREATE OR REPLACE FUNCTION checkout_guard() RETURNS trigger LANGUAGE plpgsql AS $$
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
    IF (OLD.expired_at IS NOT NULL AND NEW.expired_at IS DISTINCT FROM OLD.expired_at)
       OR (NEW.expired_at IS NOT NULL
           AND (NEW.pay_order_no IS NOT NULL OR NEW.expired_at < NEW.expires_at)) THEN
        RAISE EXCEPTION 'checkout %: it is over or has its payment, for ever',
            OLD.checkout_no USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;
