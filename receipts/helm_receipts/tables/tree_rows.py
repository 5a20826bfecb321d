"""How far the log of a database has come."""

from typing import Any

import psycopg

from helm_receipts.log.tree import Tree


def read_tree_row(connection: psycopg.Connection[Any]) -> Tree:
    """Return the size and the root of what is integrated."""
    row = connection.execute("SELECT size, root FROM helm_boundary.int_coord WHERE id = 0")
    size, root = row.fetchone() or (0, b"")
    return Tree(size, bytes(root), {})
