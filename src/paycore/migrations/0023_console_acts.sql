-- What operators set up and begin in the console: times in which an account is left out
-- of routes, the versions of the routing rules, and how far their long work is. Expands:
-- nodes of the version before go on beside it.

-- A time in which an account is left out of routes, from (inclusive) to (exclusive).
CREATE TABLE router_window (
    window_id text COLLATE "C" NOT NULL PRIMARY KEY,
    version bigint NOT NULL,
    channel text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    why text NOT NULL,
    opened_by text COLLATE "C" NOT NULL,
    opened_at timestamptz NOT NULL,
    CHECK (ends_at >= starts_at)
);
-- For retention.
CREATE INDEX router_window_ends ON router_window (ends_at);
-- For the auditor.
CREATE INDEX router_window_account ON router_window (channel, account);

-- The routing rules as they were published, each time all of them.
CREATE TABLE router_version (
    number bigint NOT NULL PRIMARY KEY,
    published_at timestamptz NOT NULL,
    published_by text NOT NULL,
    why text NOT NULL,
    rules jsonb NOT NULL
);
CREATE TRIGGER router_version_kept BEFORE UPDATE OR DELETE ON router_version
    FOR EACH ROW EXECUTE FUNCTION keep_guard();

-- Which version is the newest: what whoever publishes is held to.
CREATE TABLE router_head (
    head text COLLATE "C" NOT NULL PRIMARY KEY,
    version bigint NOT NULL,
    number bigint NOT NULL
);

-- Long work that an operator began, and how far it is.
CREATE TABLE operators_work (
    work_id text COLLATE "C" NOT NULL PRIMARY KEY,
    version bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    begun_by text COLLATE "C" NOT NULL,
    begun_at timestamptz NOT NULL,
    told_at timestamptz NOT NULL,
    ended_at timestamptz,
    done bigint NOT NULL,
    total bigint,
    failed boolean NOT NULL,
    said text NOT NULL,
    result jsonb
);
-- For retention.
CREATE INDEX operators_work_begun ON operators_work (begun_at);
