-- The log over all writers. Each step reads its own coordination row FOR UPDATE first:
-- sequencing gives indexes to receipts, integration makes tiles of them, publishing signs.
CREATE TABLE helm_boundary.log_keys (
    vkey text PRIMARY KEY,
    origin text NOT NULL,
    first_size bigint NOT NULL,
    last_size bigint
);

CREATE TABLE helm_boundary.seq_coord (
    id int PRIMARY KEY CHECK (id = 0),
    next bigint NOT NULL
);
INSERT INTO helm_boundary.seq_coord VALUES (0, 0);

CREATE TABLE helm_boundary.seq (
    index bigint PRIMARY KEY,
    writer text NOT NULL,
    number bigint NOT NULL,
    UNIQUE (writer, number) -- nothing is sequenced twice
);

-- How far each writer's receipts have been sequenced.
CREATE TABLE helm_boundary.seq_writers (
    writer text PRIMARY KEY,
    number bigint NOT NULL
);

CREATE TABLE helm_boundary.int_coord (
    id int PRIMARY KEY CHECK (id = 0),
    size bigint NOT NULL,
    root bytea NOT NULL
);
-- The root of an empty tree: SHA-256 of nothing.
INSERT INTO helm_boundary.int_coord VALUES (
    0, 0, '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
);

-- How far each writer's receipts have been integrated, and the digest of the last one.
CREATE TABLE helm_boundary.int_writers (
    writer text PRIMARY KEY,
    number bigint NOT NULL,
    digest text NOT NULL
);

CREATE TABLE helm_boundary.tiles (
    path text COLLATE "C" PRIMARY KEY, -- as it is served: tile/<L>/<N>[.p/<W>]
    data bytea NOT NULL
);

CREATE TABLE helm_boundary.pub_coord (
    id int PRIMARY KEY CHECK (id = 0),
    size bigint NOT NULL,
    note bytea NOT NULL, -- the signed checkpoint; empty before the first
    published_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO helm_boundary.pub_coord VALUES (0, 0, '', now());
