"""The index's tables. Where they are others than an index has, it is built anew."""

from __future__ import annotations

import zlib

COLUMNS = (
    "id", "writer", "segment", "offset", "size", "at", "phase", "verdict", "enforcement",
    "operation", "dialect", "host", "model", "principal", "key", "flow", "code", "codes", "rules",
    "end", "status", "input", "output", "added", "policy", "kind", "by",
    "coverage", "cost",
)  # fmt: skip
"""What is kept of a receipt. `at` is in microseconds since 1970; `added` is how many of them the
boundary took before it forwarded the request; `codes` and `rules` are lists with a blank before and
after each, one of each for a reason; `segment`, `offset` and `size` say where its source has the
line; `by` is the person of an approval; `coverage` is how much of the request and of the response
was judged; `cost` is in nanodollars.
"""

TABLES = f"""
CREATE TABLE receipts (seq INTEGER PRIMARY KEY AUTOINCREMENT, {", ".join(COLUMNS)});
CREATE INDEX by_time ON receipts (at);
CREATE INDEX by_writer ON receipts (writer, at);
CREATE INDEX by_flow ON receipts (flow) WHERE flow IS NOT NULL;
CREATE UNIQUE INDEX by_id ON receipts (id);
CREATE TABLE parts (
    writer TEXT PRIMARY KEY, position TEXT NOT NULL,
    segment TEXT NOT NULL, "offset" INTEGER NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE unread (place TEXT PRIMARY KEY, what TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE origin (name TEXT NOT NULL);
"""

# A part has where its last line was, and its digest: by that an older source is noticed. Numbers of
# receipts only grow, also where some were brought in again.

VERSION = zlib.crc32(TABLES.encode()) & 0x7FFF_FFFF
"""A number for these tables, which is never 0."""

INSERT = (
    f"INSERT OR IGNORE INTO receipts ({', '.join(COLUMNS)}) "  # noqa: S608 - names of our own
    f"VALUES ({', '.join('?' * len(COLUMNS))})"
)
