-- Agreements from their signing to their end, and the user's own table of BINs.

-- A card that waits for its agreement, and one whose agreement never came about.
ALTER TABLE cards_card DROP CONSTRAINT cards_card_status_check;
ALTER TABLE cards_card ADD CONSTRAINT cards_card_status_check
    CHECK (status IN ('PENDING', 'ACTIVE', 'REVOKED', 'EXPIRED', 'REFUSED'));

-- Cards without facts whose tokens are still there, for a bank is to be told: few.
CREATE INDEX cards_card_untold ON cards_card (revoked_at)
    WHERE sealed = '' AND number_hash <> '';
-- Cards that were never signed and whose facts are still there: few.
CREATE INDEX cards_card_never_signed ON cards_card (card_id)
    WHERE sealed <> '' AND status IN ('EXPIRED', 'REFUSED');

-- One agreement a row, from its asking to its end.
CREATE TABLE agreement_signing (
    card_id text COLLATE "C" NOT NULL,
    signing_no text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    biz_line text NOT NULL,
    pay_type text NOT NULL,
    channel text NOT NULL,
    account text NOT NULL,
    scope text NOT NULL,
    single_limit bigint,
    daily_limit bigint,
    ends_at timestamptz,
    slot bytea NOT NULL,
    status text NOT NULL,
    last_event text NOT NULL,
    events bigint NOT NULL,
    step text NOT NULL,
    confirms bigint NOT NULL,
    revokes bigint NOT NULL,
    verify_status text,
    resp_code text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    signed_at timestamptz,
    ended_at timestamptz,
    quiet_from timestamptz NOT NULL,
    checks bigint NOT NULL,
    next_check_at timestamptz,
    lease_epoch bigint,
    lease_until timestamptz,
    CHECK (pay_type IN ('QUICK_PAY', 'DEDUCT')),
    CHECK (status IN ('PENDING', 'ACTIVE', 'REVOKING', 'REVOKED', 'EXPIRED', 'REFUSED')),
    CHECK (step IN ('', 'SIGN', 'CONFIRM', 'REVOKE')),
    -- Active is what the bank has acknowledged, and nothing else.
    CHECK (status <> 'ACTIVE' OR signed_at IS NOT NULL),
    CHECK ((status IN ('PENDING', 'ACTIVE')) = (ended_at IS NULL)),
    CHECK (status NOT IN ('PENDING', 'REVOKING') OR next_check_at IS NOT NULL),
    CHECK (status NOT IN ('REVOKED', 'EXPIRED', 'REFUSED') OR next_check_at IS NULL),
    -- A mandate names its purpose, its limits and its term.
    CHECK (pay_type <> 'DEDUCT' OR (scope <> '' AND single_limit IS NOT NULL
        AND daily_limit IS NOT NULL AND ends_at IS NOT NULL)),
    PRIMARY KEY (card_id, signing_no)
);
CREATE INDEX agreement_signing_due ON agreement_signing (next_check_at)
    WHERE next_check_at IS NOT NULL;

-- What a signing is found by: its number, and the key that it was asked for under.
CREATE TABLE agreement_number (
    name text COLLATE "C" NOT NULL,
    card_id text NOT NULL,
    signing_no text NOT NULL,
    PRIMARY KEY (name)
);

-- One agreement per payer, card, payee, kind and account: who has the place.
CREATE TABLE agreement_slot (
    slot bytea NOT NULL,
    version bigint NOT NULL,
    holder text NOT NULL,
    PRIMARY KEY (slot)
);

-- What happened to an agreement, in order.
CREATE TABLE agreement_transition (
    card_id text COLLATE "C" NOT NULL,
    signing_no text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    from_status text NOT NULL,
    event text NOT NULL,
    to_status text NOT NULL,
    cause text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (card_id, signing_no, seq)
);

-- The rows of core/agreements/states.py, as for payments.
CREATE TABLE agreement_transition_rule (
    from_status text NOT NULL,
    event text NOT NULL,
    to_status text NOT NULL,
    PRIMARY KEY (from_status, event)
);

INSERT INTO agreement_transition_rule (from_status, event, to_status) VALUES
    ('PENDING', 'CODE_SENT', 'PENDING'),
    ('PENDING', 'CONFIRM_BEGUN', 'PENDING'),
    ('PENDING', 'SIGN_UNKNOWN', 'PENDING'),
    ('PENDING', 'NOT_SIGNED', 'PENDING'),
    ('PENDING', 'SIGNED', 'ACTIVE'),
    ('PENDING', 'SIGN_REFUSED', 'REFUSED'),
    ('PENDING', 'SIGN_EXPIRED', 'EXPIRED'),
    ('PENDING', 'REVOKE_ASKED', 'REVOKING'),
    ('PENDING', 'REVOKED_BY_BANK', 'REVOKED'),
    ('ACTIVE', 'REVOKE_ASKED', 'REVOKING'),
    ('ACTIVE', 'REVOKED_BY_BANK', 'REVOKED'),
    ('ACTIVE', 'TERM_OVER', 'EXPIRED'),
    ('REVOKING', 'SIGN_FOUND', 'REVOKING'),
    ('REVOKING', 'REVOKE_BEGUN', 'REVOKING'),
    ('REVOKING', 'REVOKE_UNKNOWN', 'REVOKING'),
    ('REVOKING', 'NEVER_SIGNED', 'REVOKED'),
    ('REVOKING', 'REVOKE_ACKNOWLEDGED', 'REVOKED'),
    ('REVOKING', 'REVOKED_BY_BANK', 'REVOKED');

-- An agreement moves by a row of the table, and its terms never change.
CREATE FUNCTION agreement_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'PENDING' THEN
            RAISE EXCEPTION 'agreement %: nobody has signed it', NEW.signing_no
                USING ERRCODE = '23514';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.status IN ('REVOKED', 'EXPIRED', 'REFUSED') THEN
        RAISE EXCEPTION 'agreement %: % is final', OLD.signing_no, OLD.status
            USING ERRCODE = '23514';
    END IF;
    IF NEW.status <> OLD.status AND NOT EXISTS (
        SELECT FROM agreement_transition_rule
        WHERE from_status = OLD.status AND event = NEW.last_event
          AND to_status = NEW.status
    ) THEN
        RAISE EXCEPTION 'agreement %: no row (%, %, %) in the transition table',
            OLD.signing_no, OLD.status, NEW.last_event, NEW.status
            USING ERRCODE = '23514';
    END IF;
    IF (NEW.biz_line, NEW.pay_type, NEW.channel, NEW.account, NEW.scope,
        NEW.single_limit, NEW.daily_limit, NEW.ends_at, NEW.slot, NEW.created_at)
       IS DISTINCT FROM
       (OLD.biz_line, OLD.pay_type, OLD.channel, OLD.account, OLD.scope,
        OLD.single_limit, OLD.daily_limit, OLD.ends_at, OLD.slot, OLD.created_at) THEN
        RAISE EXCEPTION 'agreement %: what was agreed upon cannot change', OLD.signing_no
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER agreement_guard BEFORE INSERT OR UPDATE ON agreement_signing
    FOR EACH ROW EXECUTE FUNCTION agreement_guard();
CREATE TRIGGER agreement_signing_kept BEFORE DELETE ON agreement_signing
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER agreement_number_kept BEFORE UPDATE OR DELETE ON agreement_number
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER agreement_transition_kept BEFORE UPDATE OR DELETE ON agreement_transition
    FOR EACH ROW EXECUTE FUNCTION keep_guard();

-- BINs that the user has loaded: whose cards begin so.
CREATE TABLE cards_bin (
    prefix text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    bank text NOT NULL,
    card_kind text NOT NULL,
    CHECK (prefix ~ '^[0-9]{4,10}$'),
    CHECK (card_kind IN ('DEBIT', 'CREDIT')),
    PRIMARY KEY (prefix)
);
