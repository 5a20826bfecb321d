-- The chain of each writer. Its row in `writers` is the head that the next receipt must follow:
-- whoever writes moves it on in the same statement, so that a chain can't fork.
CREATE TABLE helm_boundary.writers (
    writer text PRIMARY KEY,
    keyid text NOT NULL,
    number bigint NOT NULL,
    digest text, -- SHA-256 of the last receipt, in hex
    open_from bigint NOT NULL DEFAULT 1, -- no call is open whose request came before this one
    epoch bigint NOT NULL, -- goes up whenever somebody takes the writer's place, or comes back
    holder text NOT NULL,
    held_until timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE helm_boundary.receipts (
    writer text NOT NULL,
    number bigint NOT NULL,
    line bytea NOT NULL, -- the envelope, without a newline
    PRIMARY KEY (writer, number)
);

-- The public halves of the keys that boundaries sign with.
CREATE TABLE helm_boundary.receipt_keys (
    keyid text PRIMARY KEY,
    public bytea NOT NULL,
    first_index bigint NOT NULL, -- the log's size when it was registered
    registered_at timestamptz NOT NULL DEFAULT now()
);
