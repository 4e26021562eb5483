-- By which number of the channel's own a refund gives back: late money has one that no
-- attempt ever had.

ALTER TABLE refund ADD COLUMN original_channel_ref text;
