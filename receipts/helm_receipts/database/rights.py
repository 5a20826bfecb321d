"""Rights in the database, looked at before something is begun that can't be done without them."""

from collections.abc import Mapping
from typing import Any

import psycopg

from helm_receipts.errors import StateRefused

_LACKS = """
SELECT name, kind
FROM unnest(%(tables)s::text[], %(kinds)s::text[]) WITH ORDINALITY AS needed (name, kind, place)
WHERE NOT has_table_privilege('helm_boundary.' || name, kind) ORDER BY place
"""

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'helm_boundary' ORDER BY 1"

RECORDS: dict[str, tuple[str, ...]] = {
    "receipts": ("SELECT", "INSERT"),
    "receipt_keys": ("SELECT", "INSERT"),
    "writers": ("SELECT", "INSERT", "UPDATE"),
}
"""What whoever records needs."""


def require_rights(
    connection: psycopg.Connection[Any], needed: Mapping[str, tuple[str, ...]]
) -> None:
    """Require rights on tables; `StateRefused` has the statement that grants the first one lacking.

    `needed` are kinds such as SELECT, by the tables' names.
    """
    for name, kind in lacking(connection, needed):
        user = role(connection)
        raise StateRefused(
            f"expected the right to {kind} on {name} for the role {user}, found that it lacks: "
            f"run `{granting(user, name, kind)}` as the owner, or name a role that has it; "
            "docs/operations.md lists them all"
        )


def lacking(
    connection: psycopg.Connection[Any], needed: Mapping[str, tuple[str, ...]]
) -> list[tuple[str, str]]:
    """List the tables and kinds of right that the role of a connection lacks of those needed."""
    pairs = [(name, kind) for name, kinds in needed.items() for kind in kinds]
    values = {"tables": [name for name, _ in pairs], "kinds": [kind for _, kind in pairs]}
    return [(name, kind) for name, kind in connection.execute(_LACKS, values)]


def tables(connection: psycopg.Connection[Any]) -> list[str]:
    """List the tables that there are."""
    return [name for (name,) in connection.execute(_TABLES)]


def role(connection: psycopg.Connection[Any]) -> str:
    """Return whose rights a connection has."""
    row = connection.execute("SELECT current_user").fetchone()
    return str(row[0]) if row else ""


def granting(role: str, table: str, kind: str) -> str:
    """Return the statement that gives a role a right."""
    return f'GRANT {kind} ON helm_boundary.{table} TO "{role}"'
