"""`policy rollback`: back to the policy before, with a receipt."""

from __future__ import annotations

import sqlite3
import time

import click

from helm_boundary.approvals import decisions
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.policy import read_policy
from helm_boundary.receipt_index import queries
from helm_boundary.runtime import rollback as rollbacks
from helm_boundary.runtime.rollback import Rollback
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.envelope.statement import Draft

from .emergencies import known_state
from .exits import NO, CommandError
from .shared_state import shared_state_option
from .state_options import io_errors

_FOLLOWED_SECONDS = 20.0
_SHOWN = 12


@click.command()
@shared_state_option
@click.option("--to", "wanted", metavar="DIGEST", help="Which policy; else the one before.")
@click.option("--why", help="Why: it goes into the receipt, with your user's name.")
@click.option("--end", is_flag=True, help="Take the policy from its source again.")
def rollback(state: SharedState, wanted: str | None, why: str | None, end: bool) -> None:
    """Go back to the policy before.

    Every boundary of the state folder or database follows within seconds. The sources of each
    policy that decided are kept there, so this works without the place where policies come from. It
    holds against the policy in force now, also over restarts, and ends by itself when the source
    gives another one. A receipt says who did it, and why. Where helm_policy_key is set, serve the
    earlier bundle instead: what is kept isn't signed.
    """
    known_state(state)
    if end == bool(why and why.strip()):
        raise click.UsageError("say why with --why TEXT, or end it with --end")
    with io_errors(PolicyError, sqlite3.Error):
        if end:
            _end(state)
        else:
            _begin(state, wanted, str(why).strip())


def _begin(state: SharedState, wanted: str | None, why: str) -> None:
    digests = _digests(state)
    running = [health.policy_digest for health in state.boundaries().values()]
    now = running[0] if running else next(iter(digests), "")
    other = _chosen([each for each in digests if each != now], wanted)
    policy = read_policy((state.kept_policy(other),))
    by = f"{decisions.person()} (command line)"
    event: dict[str, str | int] = {
        "kind": "rollback", "by": by, "why": why, "oldDigest": now, "newDigest": policy.digest,
    }  # fmt: skip
    receipt = _record(state, event)
    Rollback(now, policy.digest, by, why, receipt).write(state.orders)
    click.echo(f"Back from {now[:_SHOWN]}… to {other[:_SHOWN]}… (receipt {receipt}).")
    if running:
        _wait(state, other)


def _digests(state: SharedState) -> list[str]:
    """List the policies that there were, the latest first; last those that decided nothing."""
    index = state.open_index(state.source())
    index.refresh()
    return list(dict.fromkeys((*queries.policies(index), *state.policies())))


def _chosen(earlier: list[str], wanted: str | None) -> str:
    """Return the newest digest, or the one that begins as was said."""
    found = [each for each in earlier if each.startswith((wanted or "").lower())]
    if not found:
        raise CommandError("no earlier policy is known that begins so", NO)
    return found[0]


def _end(state: SharedState) -> None:
    if Rollback.read(state.orders) is None:
        raise CommandError("no rollback is in force", NO)
    _record(state, {"kind": "rollback ended", "by": f"{decisions.person()} (command line)"})
    rollbacks.end(state.orders)
    click.echo("Boundaries take their policy from its source again.")


def _wait(state: SharedState, digest: str) -> None:
    """Wait until every boundary has followed; say so, or where to look."""
    deadline = time.monotonic() + _FOLLOWED_SECONDS
    while time.monotonic() < deadline:
        found = [each.policy_digest == digest for each in state.boundaries().values()]
        if all(found):
            click.echo(f"In force on {len(found)} of {len(found)}.")
            return
        time.sleep(0.2)
    raise CommandError("not every boundary has followed yet; their logs say why", NO)


def _record(state: SharedState, event: dict[str, str | int]) -> str:
    with state.recording("rollback") as recorder:
        return recorder.record_now(Draft.of_recorder("policy", event)).id
