"""What the embedded store says to SQLite."""

from __future__ import annotations

from functools import lru_cache

SCHEMA = """
CREATE TABLE IF NOT EXISTS balances (
    scope TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER, began INTEGER NOT NULL,
    calls INTEGER NOT NULL DEFAULT 0, tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0, nanodollars INTEGER NOT NULL DEFAULT 0,
    reserved_calls INTEGER NOT NULL DEFAULT 0, reserved_tokens INTEGER NOT NULL DEFAULT 0,
    reserved_output_tokens INTEGER NOT NULL DEFAULT 0,
    reserved_nanodollars INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (scope, start)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reservations (
    call TEXT PRIMARY KEY, owner TEXT NOT NULL, made INTEGER NOT NULL, claims TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS paces (scope TEXT PRIMARY KEY, arrival INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_READ = """SELECT scope, start, calls + reserved_calls, tokens + reserved_tokens,
    output_tokens + reserved_output_tokens, nanodollars + reserved_nanodollars, began
    FROM balances WHERE scope = ? AND start = ?"""
RESERVE = """INSERT INTO balances (scope, start, "end", began, reserved_calls, reserved_tokens,
    reserved_output_tokens, reserved_nanodollars) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (scope, start) DO UPDATE SET
    reserved_calls = reserved_calls + excluded.reserved_calls,
    reserved_tokens = reserved_tokens + excluded.reserved_tokens,
    reserved_output_tokens = reserved_output_tokens + excluded.reserved_output_tokens,
    reserved_nanodollars = reserved_nanodollars + excluded.reserved_nanodollars"""
SETTLE = """UPDATE balances SET calls = calls + ?, tokens = tokens + ?,
    output_tokens = output_tokens + ?, nanodollars = nanodollars + ?,
    reserved_calls = reserved_calls - ?, reserved_tokens = reserved_tokens - ?,
    reserved_output_tokens = reserved_output_tokens - ?,
    reserved_nanodollars = reserved_nanodollars - ? WHERE scope = ? AND start = ?"""
KEEP = "INSERT INTO reservations VALUES (?, ?, ?, ?)"
ARRIVAL = "SELECT scope, arrival FROM paces WHERE scope = ?"
SET_PACE = "INSERT OR REPLACE INTO paces VALUES (?, ?)"
TAKE = "DELETE FROM reservations WHERE call = ? RETURNING claims"
ADJUST = """INSERT INTO balances (scope, start, "end", began, calls, tokens, output_tokens,
    nanodollars) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (scope, start) DO UPDATE SET calls = calls + excluded.calls,
    tokens = tokens + excluded.tokens, output_tokens = output_tokens + excluded.output_tokens,
    nanodollars = nanodollars + excluded.nanodollars"""
ALL = """SELECT scope, start, "end", calls, tokens, output_tokens, nanodollars, reserved_calls,
    reserved_tokens, reserved_output_tokens, reserved_nanodollars FROM balances
    ORDER BY scope, start"""


MOST = 100
"""How many balances are read at once."""


@lru_cache
def read(count: int) -> str:
    """Return what reads so many balances: those that are there."""
    # `IN (VALUES ...)` would look at every row of the table.
    return " UNION ALL ".join([_READ] * count)
