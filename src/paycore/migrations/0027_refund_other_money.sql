-- Whether a refund's channel has said yes to another amount than was asked for: of its
-- number no later no is the last word. A charge has it as its leg's code; a refund's code
-- is what the business line reads. Expands: nodes of the version before neither read nor
-- write it, and what they hear counts as before.

ALTER TABLE refund ADD COLUMN other_money boolean NOT NULL DEFAULT false;
