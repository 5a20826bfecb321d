-- What a fleet's members know of each other, beside their receipts.

-- Which database this is: an index of its receipts is of no other one.
CREATE TABLE helm_boundary.identity (
    id int PRIMARY KEY CHECK (id = 0),
    name text NOT NULL
);
INSERT INTO helm_boundary.identity VALUES (0, gen_random_uuid()::text);

-- Who runs what: a row for each boundary, which it writes every few seconds while it runs.
CREATE TABLE helm_boundary.boundaries (
    name text PRIMARY KEY, -- host:process
    writer text NOT NULL, -- whose receipts are its own
    policy text NOT NULL, -- SHA-256 of the policy in force, in hex
    mode text NOT NULL,
    version text NOT NULL,
    health text NOT NULL, -- JSON, as its health socket tells it
    seen_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- What people have said to every boundary: `observe`, `rollback`. A state folder has files so named.
CREATE TABLE helm_boundary.orders (
    name text PRIMARY KEY,
    content text NOT NULL -- JSON
);

-- The sources of policies that decided, so that every boundary can go back to one.
CREATE TABLE helm_boundary.policies (
    digest text PRIMARY KEY,
    content text NOT NULL, -- JSON, as a state folder has it in a file of that name
    kept_at timestamptz NOT NULL DEFAULT now()
);

-- How far decision logs are shipped, by the beginning of the SHA-256 of where they go.
CREATE TABLE helm_boundary.cursors (
    destination text PRIMARY KEY,
    positions text NOT NULL -- JSON
);
