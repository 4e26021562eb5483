-- What operators look for by numbers that lines and channels gave, and the searches that
-- each of them keeps. Expands: nodes of the version before go on beside it.

-- Such a number is looked for rarely and written with every payment. So it has no entry
-- a row: for so many pages together there are some 2 octets a row that tell where it cannot
-- be (a bloom filter; one in a thousand pages is read in vain). Pages that are being
-- filled have no filter yet, so that a payment writes nothing of it.
CREATE INDEX payment_biz_order_no ON payment
    USING brin (biz_order_no text_bloom_ops (n_distinct_per_range = 1536, false_positive_rate = 0.001))
    WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX payment_coupon_no ON payment
    USING brin (coupon_no text_bloom_ops (n_distinct_per_range = 1536, false_positive_rate = 0.001))
    WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX attempt_channel_ref ON attempt
    USING brin (channel_ref text_bloom_ops (n_distinct_per_range = 1536, false_positive_rate = 0.001))
    WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX refund_channel_ref ON refund
    USING brin (channel_ref text_bloom_ops (n_distinct_per_range = 1536, false_positive_rate = 0.001))
    WITH (pages_per_range = 64, autosummarize = on);

-- A card or a phone by its last four digits, which is all that is kept of them in clear.
CREATE INDEX cards_card_tail ON cards_card (tail);
CREATE INDEX cards_card_phone_tail ON cards_card (right(phone_masked, 4));

-- All cases of a payment, those too that are over.
CREATE INDEX desk_case_payment ON desk_case (pay_order_no) WHERE pay_order_no IS NOT NULL;

-- An operator's own searches, a row a page: by name, so that another token keeps them.
CREATE TABLE operators_views (
    name text COLLATE "C" NOT NULL,
    page text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    views jsonb NOT NULL,
    PRIMARY KEY (name, page)
);
