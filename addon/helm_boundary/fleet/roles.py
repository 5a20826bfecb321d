"""What each role needs in a fleet's database beside `SELECT` on all of it.

docs/operations.md says the same under Rights.
"""

from __future__ import annotations

from collections.abc import Mapping

from helm_receipts.database.rights import RECORDS

type Rights = Mapping[str, tuple[str, ...]]

_ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")

BOUNDARY: Rights = RECORDS | {
    "policies": ("SELECT", "INSERT"),
    **dict.fromkeys(
        (
            "boundaries", "approvals", "approvals_changes", "approvals_decider", "budget_balances",
            "budget_reservations", "budget_paces", "budget_facts", "budget_owners",
        ),
        _ALL,
    ),
}  # fmt: skip
"""What a boundary does."""

LOG_SERVICE: Rights = dict.fromkeys(
    (
        "leases", "seq", "seq_coord", "seq_writers", "int_coord", "int_writers", "tiles",
        "pub_coord", "log_keys", "log_files",
    ),
    _ALL,
)  # fmt: skip
"""What a log service does."""

SHIPPER: Rights = dict.fromkeys(("cursors", "leases"), ("SELECT", "INSERT", "UPDATE"))
"""What whoever ships decision logs does."""

KINDS: Mapping[str, Rights] = {
    "a boundary": BOUNDARY,
    "a log service": LOG_SERVICE,
    "whoever ships decision logs": SHIPPER,
}
"""All of them, as sentences call them."""
