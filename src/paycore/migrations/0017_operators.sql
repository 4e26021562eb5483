-- Operators: who works at the exception desk over the API, and by whose token each step
-- of a case was done there.

CREATE TABLE operators_operator (
    operator_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    role text NOT NULL,
    digest bytea NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CHECK (name ~ '^[a-z0-9][a-z0-9._@-]{0,63}$'),
    CHECK (role IN ('viewer', 'operator', 'approver')),
    CHECK (length(digest) = 32),
    PRIMARY KEY (operator_id)
);
-- A name is one person's at a time.
CREATE UNIQUE INDEX operators_operator_live ON operators_operator (name)
    WHERE revoked_at IS NULL;

-- An act is numbered by the version of its operator, so that none can be missing.
CREATE TABLE operators_act (
    operator_id text COLLATE "C" NOT NULL REFERENCES operators_operator,
    number bigint NOT NULL,
    case_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    UNIQUE (case_id, seq),
    PRIMARY KEY (operator_id, number)
);

-- Whoever is given another token or role is another row; a revoked one is over.
CREATE FUNCTION operators_operator_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.revoked_at IS NOT NULL
       OR (NEW.name, NEW.role, NEW.digest, NEW.created_at)
          IS DISTINCT FROM (OLD.name, OLD.role, OLD.digest, OLD.created_at) THEN
        RAISE EXCEPTION 'operators_operator %: it stays as it was made',
            OLD.operator_id USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER operators_operator_guard BEFORE UPDATE ON operators_operator
    FOR EACH ROW EXECUTE FUNCTION operators_operator_guard();
CREATE TRIGGER operators_operator_kept BEFORE DELETE ON operators_operator
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER operators_act_kept BEFORE UPDATE OR DELETE ON operators_act
    FOR EACH ROW EXECUTE FUNCTION keep_guard();
CREATE TRIGGER operators_act_not_truncated BEFORE TRUNCATE ON operators_act
    FOR EACH STATEMENT EXECUTE FUNCTION keep_guard();
