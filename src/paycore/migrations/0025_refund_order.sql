-- A refund's moment at its channel: of its first call that left, not of its birth. Some
-- channels refuse an order that is minutes old, and know it by its moment. Expands: what
-- the version before sends has none, and was told its birth.

ALTER TABLE refund ADD COLUMN order_at timestamptz;
