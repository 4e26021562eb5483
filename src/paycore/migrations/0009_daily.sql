-- Daily work.

-- Budgets of texts: what a code's text holds of them, and what a carrier's texts cost.

ALTER TABLE sms_code ADD COLUMN held jsonb;
ALTER TABLE sms_carrier ADD COLUMN price bigint CHECK (price >= 0);
ALTER TABLE sms_carrier ADD COLUMN spend_per_day bigint CHECK (spend_per_day >= 0);

-- Which node was at a job by the day last, and how long it was worked at.
ALTER TABLE job ADD COLUMN node text NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN took_ms bigint NOT NULL DEFAULT 0 CHECK (took_ms >= 0);
