"""Sequencing: receipts that are committed get their index in the log, each once.

Each writer's receipts go in the order of their numbers; which writer comes first is nobody's
business. The coordination row is locked, so that of any number of sequencers one is at work.
"""

from typing import Any

import psycopg

from helm_receipts.database.leases import Lease, require

_NEXT = "SELECT next FROM helm_boundary.seq_coord WHERE id = 0 FOR UPDATE"
_SEQUENCE = """
WITH pending AS (
    SELECT writers.writer, coalesce(seq_writers.number, 0) AS done, writers.number AS head
    FROM helm_boundary.writers LEFT JOIN helm_boundary.seq_writers USING (writer)
    WHERE writers.number > coalesce(seq_writers.number, 0)
), chosen AS (
    SELECT receipts.writer, receipts.number
    FROM pending JOIN helm_boundary.receipts ON receipts.writer = pending.writer
        AND receipts.number > pending.done AND receipts.number <= pending.head
    ORDER BY receipts.writer, receipts.number LIMIT %(limit)s
), placed AS (
    SELECT writer, number, row_number() OVER (ORDER BY writer, number) AS place FROM chosen
), sequenced AS (
    INSERT INTO helm_boundary.seq (index, writer, number)
    SELECT %(next)s + place - 1, writer, number FROM placed
), advanced AS (
    INSERT INTO helm_boundary.seq_writers (writer, number)
    SELECT writer, max(number) FROM chosen GROUP BY writer
    ON CONFLICT (writer) DO UPDATE SET number = excluded.number
)
SELECT count(*) FROM chosen
"""


def sequence(connection: psycopg.Connection[Any], lease: Lease, limit: int) -> int:
    """Give at most `limit` receipts their indexes; returns how many there were."""
    with connection.transaction():
        require(connection, lease)
        (following,) = connection.execute(_NEXT).fetchone() or (0,)
        values = {"limit": limit, "next": following}
        (count,) = connection.execute(_SEQUENCE, values).fetchone() or (0,)
        if count:
            connection.execute(
                "UPDATE helm_boundary.seq_coord SET next = next + %s WHERE id = 0", (count,)
            )
    return int(count)
