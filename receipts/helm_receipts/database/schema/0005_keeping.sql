-- What lies beside the log's checkpoint, by its name there: handovers of the log's key, what
-- witnesses have cosigned, timestamps.
CREATE TABLE helm_boundary.log_files (
    path text COLLATE "C" PRIMARY KEY,
    data bytea NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
);

-- Receipt keys that hand over to another one. Who starts with such a key is refused.
CREATE TABLE helm_boundary.key_ends (
    keyid text PRIMARY KEY,
    successor text NOT NULL, -- its keyid
    writer text NOT NULL, -- in whose chain that is said
    number bigint -- by which receipt, the last one of the key; NULL until it is known
);

-- Receipts that say which ones were pruned; those are in no table any more.
CREATE TABLE helm_boundary.prunings (
    writer text NOT NULL, -- whose receipts went
    number bigint NOT NULL, -- up to this one
    line bytea NOT NULL, -- the envelope
    PRIMARY KEY (writer, number)
);
