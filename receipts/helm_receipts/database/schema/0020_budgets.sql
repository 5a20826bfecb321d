-- What a fleet's calls have used of their budgets, and what they have reserved.
CREATE TABLE helm_boundary.budget_balances (
    scope text NOT NULL,
    start bigint NOT NULL, -- of the window, as every time here in nanoseconds since 1970
    "end" bigint,
    began bigint NOT NULL, -- when the first call reserved
    calls bigint NOT NULL DEFAULT 0,
    tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    nanodollars bigint NOT NULL DEFAULT 0,
    reserved_calls bigint NOT NULL DEFAULT 0,
    reserved_tokens bigint NOT NULL DEFAULT 0,
    reserved_output_tokens bigint NOT NULL DEFAULT 0,
    reserved_nanodollars bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (scope, start)
) WITH (fillfactor = 50); -- rows change with each call, and stay on their page so

CREATE TABLE helm_boundary.budget_reservations (
    call text PRIMARY KEY,
    owner text NOT NULL,
    made bigint NOT NULL,
    claims text NOT NULL -- JSON: [[scope, start, calls, tokens, output tokens, nanodollars], …]
);

CREATE TABLE helm_boundary.budget_paces (
    scope text PRIMARY KEY,
    arrival bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE helm_boundary.budget_facts (name text PRIMARY KEY, value text NOT NULL);

-- The processes that reserve. One that isn't seen for a minute is gone.
CREATE TABLE helm_boundary.budget_owners (
    name text PRIMARY KEY,
    seen timestamptz NOT NULL DEFAULT now()
);
