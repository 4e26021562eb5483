-- What the journal itself keeps, and the lives of nodes.
-- Keys that are text compare by their bytes (COLLATE "C") in every table of ours: the
-- journal orders its locks by them, in Python and in SQL alike.

-- "Was it committed?": one row a change, never updated. A change that is written again
-- after a lost connection finds its own id here.
CREATE TABLE journal_change (
    id uuid        PRIMARY KEY,
    at timestamptz NOT NULL
);
-- For retention, which deletes by age.
CREATE INDEX journal_change_at ON journal_change USING brin (at);

-- How much of a limit is reserved and used; one row a limit and period.
CREATE TABLE limit_counter (
    counter    text COLLATE "C" PRIMARY KEY,
    used       bigint      NOT NULL CHECK (used >= 0),
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);  -- a hot row's next version fits on its own page
CREATE INDEX limit_counter_expires_at ON limit_counter (expires_at);

-- One row a life of a node. A life that was declared dead stays dead.
CREATE TABLE node (
    epoch      bigint      PRIMARY KEY,
    version    bigint      NOT NULL,
    name       text        NOT NULL,
    slot       bigint      NOT NULL,
    started_at timestamptz NOT NULL,
    beat_at    timestamptz NOT NULL,
    died_at    timestamptz
);
-- Two lives never add to the same balance row.
CREATE UNIQUE INDEX node_slot_alive ON node (slot) WHERE died_at IS NULL;
