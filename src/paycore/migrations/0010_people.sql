-- What people ask beside the path: few rows of many, found without reading the many.
-- Expands: nodes of the version before go on beside it.

-- Who was not paid. The update that ends a payment sets next_check_at as well, which is
-- in an index: it writes every index anew with or without these.
CREATE INDEX payment_not_paid ON payment (biz_line, pay_order_no)
    WHERE biz_status IN ('FAIL', 'CLOSED');

-- Notices that nobody took, newest payments first.
CREATE INDEX notify_notice_parked ON notify_notice (pay_order_no DESC, notice_id)
    WHERE status = 'PARKED';

-- Notices of some time, to send again: rows lie in the order in which they were made.
CREATE INDEX notify_notice_made ON notify_notice USING brin (created_at)
    WITH (pages_per_range = 32, autosummarize = on);
