-- The gateway's accounts and messages; the router's tables and decisions.

-- Our accounts at channels.
CREATE TABLE gateway_account (
    channel text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    driver text NOT NULL,
    base_url text NOT NULL,
    credentials bytea NOT NULL,
    enabled boolean NOT NULL,
    PRIMARY KEY (channel, account)
);

-- Every message, masked.
CREATE TABLE gateway_message (
    pay_order_no text COLLATE "C" NOT NULL,
    message_id uuid NOT NULL,
    attempt_seq bigint NOT NULL,
    direction text NOT NULL,
    operation text NOT NULL,
    channel text NOT NULL,
    account text NOT NULL,
    at timestamptz NOT NULL,
    verdict text NOT NULL,
    body text NOT NULL,
    elapsed_ms bigint,
    CHECK (direction IN ('OUT', 'IN', 'CALLBACK')),
    PRIMARY KEY (pay_order_no, message_id)
) PARTITION BY RANGE (pay_order_no);

-- Transaction types of accounts: what a route leads to.
CREATE TABLE router_trans_type (
    inst_trans_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    channel text NOT NULL,
    account text NOT NULL,
    trans_type text NOT NULL,
    currencies jsonb NOT NULL,
    priority bigint NOT NULL,
    weight bigint NOT NULL,
    single_min bigint NOT NULL,
    single_max bigint,
    daily_limit bigint,
    banks jsonb,
    condition text,
    maintenance jsonb NOT NULL,
    enabled boolean NOT NULL,
    CHECK (weight >= 0),
    CHECK (single_min >= 1),
    CHECK (single_max IS NULL OR single_max >= single_min),
    CHECK (daily_limit IS NULL OR daily_limit >= 0),
    PRIMARY KEY (inst_trans_id)
);

-- Which business line may use which account.
CREATE TABLE router_line_account (
    biz_line text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    enabled boolean NOT NULL,
    PRIMARY KEY (biz_line, channel, account)
);

-- Rules over all routes.
CREATE TABLE router_rule (
    rule_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    title text NOT NULL,
    condition text NOT NULL,
    effect text NOT NULL,
    channel text NOT NULL,
    account text,
    enabled boolean NOT NULL,
    CHECK (effect IN ('DROP', 'PREFER')),
    PRIMARY KEY (rule_id)
);

-- Every decision with its explanation.
CREATE TABLE router_decision (
    pay_order_no text COLLATE "C" NOT NULL,
    decision_id uuid NOT NULL,
    at timestamptz NOT NULL,
    trans_type text NOT NULL,
    chosen text,
    cause text NOT NULL,
    question jsonb NOT NULL,
    candidates jsonb NOT NULL,
    CHECK ((cause = 'ROUTED') = (chosen IS NOT NULL)),
    PRIMARY KEY (pay_order_no, decision_id)
) PARTITION BY RANGE (pay_order_no);
