-- Facts of approvals: each is made once, by whoever is first, and that is what makes a grant single.
CREATE TABLE helm_boundary.approvals (
    name text PRIMARY KEY, -- ID.request, ID.decision or ID.end
    content text NOT NULL, -- JSON, as a state folder has it in a file of that name
    version bigint NOT NULL -- the change that made it
);
CREATE INDEX approvals_version ON helm_boundary.approvals (version);

-- How often the facts have changed: who looks for changes reads this row alone.
CREATE TABLE helm_boundary.approvals_changes (
    id int PRIMARY KEY CHECK (id = 0),
    version bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO helm_boundary.approvals_changes VALUES (0, 0);

-- Locked by whoever decides, so that a decision's receipt comes before the decision.
CREATE TABLE helm_boundary.approvals_decider (id int PRIMARY KEY CHECK (id = 0));
INSERT INTO helm_boundary.approvals_decider VALUES (0);
