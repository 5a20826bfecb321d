"""What is common to commands for emergencies: they are said where boundaries have their state."""

from __future__ import annotations

from helm_boundary.runtime.health import running_boundaries
from helm_boundary.runtime.shared_state import SharedState

from .exits import CommandError
from .shared_state import existing_state


def known_state(state: SharedState) -> SharedState:
    """Return the state; a refusal for a folder whose boundaries have theirs in a database."""
    existing_state(state)
    for health in running_boundaries(state.layout.state) if state.database is None else ():
        if health.database:
            raise CommandError(
                f"expected boundaries on a state folder, found one whose state is "
                f"{health.database}: name that with --state, so that all others follow too"
            )
    return state
