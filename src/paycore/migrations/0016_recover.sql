-- After a restore: which runs of `paycore recover` there were, and how far each payment
-- is whose numbers may have been used before (F72).

CREATE TABLE restore (
    since text COLLATE "C" PRIMARY KEY,
    begun_at timestamptz NOT NULL
);

CREATE TABLE restored_payment (
    pay_order_no text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    since text COLLATE "C" NOT NULL REFERENCES restore,
    state text NOT NULL,
    held_at timestamptz NOT NULL,
    asked_at timestamptz,
    lost_refunds bigint NOT NULL,
    lost_refunded bigint NOT NULL,
    CHECK (state IN ('HELD', 'FOUND', 'CLEAR')),
    CHECK (lost_refunds >= 0 AND lost_refunded >= 0),
    CHECK ((lost_refunds = 0) = (lost_refunded = 0))
);
CREATE INDEX restored_payment_open ON restored_payment (pay_order_no)
    WHERE state <> 'CLEAR';
