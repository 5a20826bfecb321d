"""What is common to commands for emergencies: they are said in a state folder."""

from __future__ import annotations

from helm_boundary.runtime.health import running_boundaries
from helm_receipts.layout import Layout

from .exits import CommandError


def refuse_database(state: Layout) -> None:
    """Refuse a folder whose boundaries have their state in a database: others wouldn't follow."""
    for health in running_boundaries(state.state):
        if health.database:
            raise CommandError(
                f"expected boundaries on a state folder, found one whose state is "
                f"{health.database}: set helm_mode, or serve another policy, on each machine"
            )
