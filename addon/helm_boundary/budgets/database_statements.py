"""What the store of a fleet says to PostgreSQL.

Rows are always locked in the order of their keys, so that two calls never wait for each other.
"""

from __future__ import annotations

MAKE = """INSERT INTO helm_boundary.budget_balances (scope, start, "end", began)
    SELECT scope, start, "end", %s
    FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) AS each (scope, start, "end")
    ORDER BY scope, start ON CONFLICT DO NOTHING"""
READ = """SELECT scope, start, calls + reserved_calls, tokens + reserved_tokens,
    output_tokens + reserved_output_tokens, nanodollars + reserved_nanodollars, began
    FROM helm_boundary.budget_balances
    WHERE (scope, start) IN (SELECT * FROM unnest(%s::text[], %s::bigint[]))
    ORDER BY scope, start"""
LOCK = f"{READ} FOR UPDATE"
ADD = """UPDATE helm_boundary.budget_balances AS balance SET
    calls = balance.calls + each.calls, tokens = balance.tokens + each.tokens,
    output_tokens = balance.output_tokens + each.output_tokens,
    nanodollars = balance.nanodollars + each.nanodollars,
    reserved_calls = reserved_calls + each.r_calls,
    reserved_tokens = reserved_tokens + each.r_tokens,
    reserved_output_tokens = reserved_output_tokens + each.r_output_tokens,
    reserved_nanodollars = reserved_nanodollars + each.r_nanodollars
    FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) AS each (scope, start, calls,
        tokens, output_tokens, nanodollars, r_calls, r_tokens, r_output_tokens, r_nanodollars)
    WHERE balance.scope = each.scope AND balance.start = each.start"""
NOTHING_SETTLED = """UPDATE helm_boundary.budget_balances
    SET calls = 0, tokens = 0, output_tokens = 0, nanodollars = 0"""
NO_OTHER_CHANGE = "LOCK TABLE helm_boundary.budget_balances IN EXCLUSIVE MODE"
ALL = """SELECT scope, start, "end", calls, tokens, output_tokens, nanodollars, reserved_calls,
    reserved_tokens, reserved_output_tokens, reserved_nanodollars
    FROM helm_boundary.budget_balances ORDER BY scope, start"""

MAKE_PACE = """INSERT INTO helm_boundary.budget_paces (scope, arrival)
    SELECT scope, 0 FROM unnest(%s::text[]) AS each (scope) ORDER BY scope ON CONFLICT DO NOTHING"""
LOCK_PACE = """SELECT scope, arrival FROM helm_boundary.budget_paces
    WHERE scope = ANY(%s) ORDER BY scope FOR UPDATE"""
SET_PACE = """UPDATE helm_boundary.budget_paces AS pace SET arrival = each.arrival
    FROM unnest(%s::text[], %s::bigint[]) AS each (scope, arrival) WHERE pace.scope = each.scope"""

KEEP = """INSERT INTO helm_boundary.budget_reservations (call, owner, made, claims)
    VALUES (%s, %s, %s, %s)"""
RESERVE = """WITH wanted AS (
    SELECT * FROM unnest(%(scopes)s::text[], %(starts)s::bigint[], %(calls)s::bigint[],
        %(tokens)s::bigint[], %(output_tokens)s::bigint[], %(nanodollars)s::bigint[],
        %(most_calls)s::bigint[], %(most_tokens)s::bigint[], %(most_output_tokens)s::bigint[],
        %(most_nanodollars)s::bigint[], %(lasts)s::bigint[]) AS wanted (scope, start, calls, tokens,
        output_tokens, nanodollars, most_calls, most_tokens, most_output_tokens, most_nanodollars,
        lasts)
), locked AS (
    SELECT scope, start, calls + reserved_calls AS calls, tokens + reserved_tokens AS tokens,
        output_tokens + reserved_output_tokens AS output_tokens,
        nanodollars + reserved_nanodollars AS nanodollars, began
    FROM helm_boundary.budget_balances
    WHERE (scope, start) IN (SELECT scope, start FROM wanted) ORDER BY scope, start FOR UPDATE
), decided AS (
    SELECT count(*) = cardinality(%(scopes)s::text[]) AND bool_and(
        (most_calls IS NULL OR wanted.calls = 0 OR locked.calls + wanted.calls <= most_calls)
        AND (most_tokens IS NULL OR wanted.tokens = 0
            OR locked.tokens + wanted.tokens <= most_tokens)
        AND (most_output_tokens IS NULL OR wanted.output_tokens = 0
            OR locked.output_tokens + wanted.output_tokens <= most_output_tokens)
        AND (most_nanodollars IS NULL OR wanted.nanodollars = 0
            OR locked.nanodollars + wanted.nanodollars <= most_nanodollars)
        AND (lasts IS NULL OR %(now)s::bigint - began <= lasts)) AS is_met
    FROM locked JOIN wanted USING (scope, start)
), reserved AS (
    UPDATE helm_boundary.budget_balances AS balance SET
        reserved_calls = reserved_calls + wanted.calls,
        reserved_tokens = reserved_tokens + wanted.tokens,
        reserved_output_tokens = reserved_output_tokens + wanted.output_tokens,
        reserved_nanodollars = reserved_nanodollars + wanted.nanodollars
    FROM wanted, decided
    WHERE is_met AND balance.scope = wanted.scope AND balance.start = wanted.start
), kept AS (
    INSERT INTO helm_boundary.budget_reservations (call, owner, made, claims)
    SELECT %(call)s, %(owner)s, %(now)s, %(claims)s FROM decided WHERE is_met
)
SELECT locked.* FROM locked, decided WHERE is_met ORDER BY scope, start"""
"""Reserves in one round trip: what was used before, or nothing where not all could be met.

`find_short` decides by the same rule; it names what is short, and is asked when this finds nothing.
"""
SETTLE = """WITH taken AS (
    DELETE FROM helm_boundary.budget_reservations WHERE call = %s RETURNING call, claims
), held AS (
    SELECT each ->> 0 AS scope, (each ->> 1)::bigint AS start, (each ->> 2)::bigint AS calls,
        (each ->> 3)::bigint AS tokens, (each ->> 4)::bigint AS output_tokens,
        (each ->> 5)::bigint AS nanodollars
    FROM taken, jsonb_array_elements(taken.claims::jsonb) AS each
), charged AS (
    SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::bigint[]) AS charged (scope, start, calls, tokens, output_tokens, nanodollars)
), locked AS (
    SELECT scope, start FROM helm_boundary.budget_balances
    WHERE (scope, start) IN (SELECT scope, start FROM held) ORDER BY scope, start FOR UPDATE
), settled AS (
    UPDATE helm_boundary.budget_balances AS balance SET
        calls = balance.calls + coalesce(charged.calls, 0),
        tokens = balance.tokens + coalesce(charged.tokens, 0),
        output_tokens = balance.output_tokens + coalesce(charged.output_tokens, 0),
        nanodollars = balance.nanodollars + coalesce(charged.nanodollars, 0),
        reserved_calls = reserved_calls - held.calls,
        reserved_tokens = reserved_tokens - held.tokens,
        reserved_output_tokens = reserved_output_tokens - held.output_tokens,
        reserved_nanodollars = reserved_nanodollars - held.nanodollars
    FROM locked JOIN held USING (scope, start) LEFT JOIN charged USING (scope, start)
    WHERE balance.scope = locked.scope AND balance.start = locked.start
)
SELECT call FROM taken"""
"""Settles in one round trip: the call, or nothing where it is settled already."""
CALLS = "SELECT call FROM helm_boundary.budget_reservations"
ORPHANS = """SELECT call, made, claims FROM helm_boundary.budget_reservations AS reservation
    WHERE NOT EXISTS (SELECT FROM helm_boundary.budget_owners AS owner
        WHERE owner.name = reservation.owner AND seen > now() - make_interval(secs => %s))"""

FACT = "SELECT value FROM helm_boundary.budget_facts WHERE name = %s"
NOTE = """INSERT INTO helm_boundary.budget_facts (name, value) VALUES (%s, %s)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value"""

BEAT = """INSERT INTO helm_boundary.budget_owners AS owner (name, seen) VALUES (%s, now())
    ON CONFLICT (name) DO UPDATE SET seen = now()
    RETURNING (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"""
LEAVE = "DELETE FROM helm_boundary.budget_owners WHERE name = %s"
TIDY_BALANCES = 'DELETE FROM helm_boundary.budget_balances WHERE "end" < %s'
TIDY_PACES = "DELETE FROM helm_boundary.budget_paces WHERE arrival < %s"
TIDY_OWNERS = "DELETE FROM helm_boundary.budget_owners WHERE seen < now() - interval '1 day'"
TIDY_FACTS = """DELETE FROM helm_boundary.budget_facts
    WHERE name LIKE %s AND (value::json ->> 'at')::bigint < %s"""
