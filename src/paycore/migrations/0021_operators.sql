-- Operators who log in, and the log of all that operators do: a chain of hashes.

-- Whoever logs in by password may have no token.
ALTER TABLE operators_operator ALTER COLUMN digest DROP NOT NULL;
ALTER TABLE operators_operator DROP CONSTRAINT operators_operator_role_check;
ALTER TABLE operators_operator ADD CONSTRAINT operators_operator_role_check
    CHECK (role IN ('viewer', 'operator', 'approver', 'admin'));

-- Each entry's hash is over its columns and the hash of the one before.
CREATE TABLE operators_entry (
    seq bigint NOT NULL PRIMARY KEY,
    at timestamptz NOT NULL,
    operator_id text COLLATE "C" REFERENCES operators_operator,
    operator text NOT NULL,
    role text NOT NULL,
    act text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    why text NOT NULL,
    detail text NOT NULL,
    previous bytea NOT NULL,
    hash bytea NOT NULL
);
CREATE INDEX operators_entry_operator ON operators_entry (operator, seq);
CREATE INDEX operators_entry_act ON operators_entry (act, seq);
CREATE INDEX operators_entry_subject ON operators_entry (subject, seq);
CREATE INDEX operators_entry_at ON operators_entry (at);
CREATE TRIGGER operators_entry_kept BEFORE UPDATE OR DELETE ON operators_entry
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER operators_entry_not_truncated BEFORE TRUNCATE ON operators_entry
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();

-- Where the chain ends: its version is what whoever enters an act is held to.
CREATE TABLE operators_head (
    chain text COLLATE "C" NOT NULL PRIMARY KEY,
    version bigint NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL
);
CREATE FUNCTION operators_head_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seq <> OLD.seq + 1 THEN
        RAISE EXCEPTION 'operators_head: the chain grows by one entry at a time'
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER operators_head_guard BEFORE UPDATE ON operators_head
    FOR EACH ROW EXECUTE FUNCTION operators_head_guard();
CREATE TRIGGER operators_head_kept BEFORE DELETE ON operators_head
    FOR EACH ROW EXECUTE FUNCTION keep_guard();

-- Which entry tells of a step of a case; those from before there was a chain have none.
ALTER TABLE operators_act ADD COLUMN entry bigint;
ALTER TABLE operators_act ADD CONSTRAINT operators_act_entered
    CHECK (entry IS NOT NULL) NOT VALID;

-- What somebody logs in with, or is invited to make; one row an operator.
CREATE TABLE operators_login (
    operator_id text COLLATE "C" NOT NULL PRIMARY KEY,
    version bigint NOT NULL,
    generation bigint NOT NULL,
    invitation bytea,
    invited_until timestamptz,
    password text,
    totp bytea,
    step bigint NOT NULL,
    enrolled_at timestamptz
);

-- Who is logged in; of the cookie's secret a hash is kept.
CREATE TABLE operators_session (
    session_id text COLLATE "C" NOT NULL PRIMARY KEY,
    version bigint NOT NULL,
    operator_id text COLLATE "C" NOT NULL REFERENCES operators_operator,
    generation bigint NOT NULL,
    digest bytea NOT NULL,
    began_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX operators_session_operator ON operators_session (operator_id, seen_at);
-- For retention.
CREATE INDEX operators_session_ends ON operators_session (ends_at);

-- Wrong tries to log in, by the keyed hash of the name that was given: whether or not
-- there is such an operator, and nothing of what somebody typed into a wrong field.
CREATE TABLE operators_tries (
    name bytea NOT NULL PRIMARY KEY,
    version bigint NOT NULL,
    wrong bigint NOT NULL,
    tried_at timestamptz NOT NULL,
    locked_until timestamptz,
    expires_at timestamptz NOT NULL
);
-- For retention.
CREATE INDEX operators_tries_expires ON operators_tries (expires_at);
