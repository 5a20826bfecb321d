"""`policy rollback`: back to the policy before, with a receipt."""

from __future__ import annotations

import sqlite3
import time

import click

from helm_boundary.approvals import decisions
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.policy import read_policy
from helm_boundary.receipt_index import queries
from helm_boundary.receipt_index.index import ReceiptIndex
from helm_boundary.runtime import rollback as rollbacks
from helm_boundary.runtime.health import running_boundaries
from helm_boundary.runtime.kept_policies import kept_file
from helm_boundary.runtime.rollback import Rollback
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.envelope.statement import Draft
from helm_receipts.layout import Layout

from .emergencies import refuse_database
from .exits import NO, CommandError
from .state_options import existing, io_errors, state_option

_FOLLOWED_SECONDS = 20.0
_SHOWN = 12


@click.command()
@state_option
@click.option("--to", "wanted", metavar="DIGEST", help="Which policy; else the one before.")
@click.option("--why", help="Why: it goes into the receipt, with your user's name.")
@click.option("--end", is_flag=True, help="Take the policy from its source again.")
def rollback(state: Layout, wanted: str | None, why: str | None, end: bool) -> None:
    """Go back to the policy before.

    Every boundary of the state folder follows within seconds. The sources of each policy that
    decided are kept there, so this works without the place where policies come from. It holds
    against the policy in force now, also over restarts, and ends by itself when the source gives
    another one. A receipt says who did it, and why. Where helm_policy_key is set, serve the earlier
    bundle instead: what is kept isn't signed.
    """
    refuse_database(existing(state))
    if end == bool(why and why.strip()):
        raise click.UsageError("say why with --why TEXT, or end it with --end")
    with io_errors(PolicyError, sqlite3.Error):
        if end:
            _end(state)
        else:
            _begin(state, wanted, str(why).strip())


def _begin(state: Layout, wanted: str | None, why: str) -> None:
    digests = _digests(state)
    running = [health.policy_digest for health in running_boundaries(state.state)]
    now = running[0] if running else next(iter(digests), "")
    other = _chosen([each for each in digests if each != now], wanted)
    policy = read_policy((kept_file(state.state, other),))
    by = f"{decisions.person()} (command line)"
    event: dict[str, str | int] = {
        "kind": "rollback", "by": by, "why": why, "oldDigest": now, "newDigest": policy.digest,
    }  # fmt: skip
    receipt = _record(state, event)
    Rollback(now, policy.digest, by, why, receipt).write(state.state)
    click.echo(f"Back from {now[:_SHOWN]}… to {other[:_SHOWN]}… (receipt {receipt}).")
    if running:
        _wait(state, other)


def _digests(state: Layout) -> list[str]:
    """List the policies that there were, the latest first; last those that decided nothing."""
    index = ReceiptIndex.open(state)
    index.refresh()
    kept = kept_file(state.state, "any").parent.glob("*.json")
    files = sorted(kept, key=lambda path: path.stat().st_mtime, reverse=True)
    return list(dict.fromkeys((*queries.policies(index), *(path.stem for path in files))))


def _chosen(earlier: list[str], wanted: str | None) -> str:
    """Return the newest digest, or the one that begins as was said."""
    found = [each for each in earlier if each.startswith((wanted or "").lower())]
    if not found:
        raise CommandError("no earlier policy is known that begins so", NO)
    return found[0]


def _end(state: Layout) -> None:
    if Rollback.read(state.state) is None:
        raise CommandError("no rollback is in force", NO)
    _record(state, {"kind": "rollback ended", "by": f"{decisions.person()} (command line)"})
    rollbacks.end(state.state)
    click.echo("Boundaries take their policy from its source again.")


def _wait(state: Layout, digest: str) -> None:
    """Wait until every boundary has followed; say so, or where to look."""
    deadline = time.monotonic() + _FOLLOWED_SECONDS
    while time.monotonic() < deadline:
        found = [health.policy_digest == digest for health in running_boundaries(state.state)]
        if all(found):
            click.echo(f"In force on {len(found)} of {len(found)}.")
            return
        time.sleep(0.2)
    raise CommandError("not every boundary has followed yet; their logs say why", NO)


def _record(state: Layout, event: dict[str, str | int]) -> str:
    with SharedState(state).recording("rollback") as recorder:
        return recorder.record_now(Draft.of_recorder("policy", event)).id
