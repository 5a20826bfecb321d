"""Rights in the database, looked at before something is begun that can't be done without them."""

from collections.abc import Mapping
from typing import Any

import psycopg

from helm_receipts.errors import StateRefused

_LACKS = """
SELECT current_user, name, kind
FROM unnest(%(tables)s::text[], %(kinds)s::text[]) WITH ORDINALITY AS needed (name, kind, place)
WHERE NOT has_table_privilege('helm_boundary.' || name, kind) ORDER BY place
"""

RECORDS = {
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
    pairs = [(name, kind) for name, kinds in needed.items() for kind in kinds]
    values = {"tables": [name for name, _ in pairs], "kinds": [kind for _, kind in pairs]}
    row = connection.execute(_LACKS, values).fetchone()
    if row is not None:
        user, name, kind = row
        raise StateRefused(
            f"expected the right to {kind} on {name} for the role {user}, found that it lacks: "
            f'run `GRANT {kind} ON helm_boundary.{name} TO "{user}"` as the owner, or name a role '
            "that has it; docs/operations.md lists them all"
        )
