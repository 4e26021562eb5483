-- Real channels and carriers: credentials that are being replaced, what channels tell
-- us to use, and what carriers tell of texts that they took.

ALTER TABLE gateway_account ADD COLUMN former bytea;
ALTER TABLE sms_carrier ADD COLUMN former bytea;

-- What a channel has told us to use with it.
CREATE TABLE gateway_fact (
    channel text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    facts jsonb NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (channel, account)
);

-- Which text a carrier's own number means.
CREATE TABLE sms_sent (
    handle text COLLATE "C" NOT NULL,
    pay_order_no text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    sent_at timestamptz NOT NULL,
    PRIMARY KEY (handle, pay_order_no, seq)
);
-- For retention.
CREATE INDEX sms_sent_at ON sms_sent (sent_at);

-- Of a text: when it was delivered, or was not. What is there already held to less, and
-- is not read through for it: nobody could send meanwhile.
ALTER TABLE gateway_message DROP CONSTRAINT gateway_message_direction_check;
ALTER TABLE gateway_message ADD CONSTRAINT gateway_message_direction_check
    CHECK (direction IN ('OUT', 'IN', 'CALLBACK', 'RECEIPT')) NOT VALID;
