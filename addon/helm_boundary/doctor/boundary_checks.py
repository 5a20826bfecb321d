"""Checks of the boundary: it runs, is sealed, and has safe options and the expected policy."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from helm_boundary.calls.hosts import DEFAULT_HOSTS
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.policy import read_policy
from helm_boundary.runtime.health import Health
from helm_boundary.runtime.reverse_listener import target_of

from .finding import UNKNOWN, YES, Finding, judged
from .peers import PeerUnknown, peer_authority

_SHOWN = 12


def look_at_boundary(state: Path, health: Health | None) -> Iterator[Finding]:
    """Check that a boundary runs, is sealed, has safe options and enforces its verdicts."""
    found = f"none answers in {state}"
    if health is not None:
        found = f"process {health.pid} on {', '.join(one.address for one in health.listeners)}"
    yield judged(
        health is not None and health.ready,
        "a boundary is up",
        found,
        "start one: helm-boundary run, with the same --state",
    )
    if health is None:
        return
    yield judged(
        health.sealed,
        "it is sealed",
        "last in the proxy's chain" if health.sealed else "another addon comes after it",
        "restart it, and load other addons with -s before it",
    )
    yield judged(
        not health.unsafe,
        "its options are safe",
        "; ".join(health.unsafe) or "none lets traffic past it",
        "unset them where they were set, config.yaml in mitmproxy's folder included; restart it",
    )
    yield judged(
        health.mode == "enforce",
        "verdicts take effect",
        _mode(health),
        "end it with `helm-boundary observe --end`"
        if health.observation
        else "restart it with --set helm_mode=enforce",
    )


def look_at_authorities(fleet: Sequence[Health], peers: Sequence[str]) -> Finding:
    """Check that all boundaries have one authority: those on the state folder, and `peers`."""
    looked_at = "all boundaries have one authority"
    found = {f"process {health.pid}": health.ca_digest for health in fleet}
    own = next(iter(found.values()), "")
    try:
        found |= {peer: peer_authority(peer, fleet) for peer in peers}
    except PeerUnknown as error:
        return Finding(
            looked_at, UNKNOWN, str(error), "look whether it runs, and is a forward proxy"
        )
    others = [name for name, digest in found.items() if digest != own]
    told = f"{len(found)} of {len(found)}, {own[:_SHOWN]}…"
    if others:
        told = f"{', '.join(others)} has another than {next(iter(found))} ({own[:_SHOWN]}…)"
    return judged(
        not others,
        looked_at,
        told,
        "give all the same with --set confdir, from one secret; clients trust one authority",
    )


def look_at_room(health: Health) -> Finding:
    """Check that receipts will find room for a while."""
    looked_at = "there is room for receipts"
    if health.disk_free < 0:
        return Finding(looked_at, UNKNOWN, "the system doesn't say", "look at the disk")
    return judged(
        not health.disk_low,
        looked_at,
        f"{health.disk_free / (1 << 20):,.0f} MB are free",
        "make room, or move old receipts: helm-boundary receipts archive",
    )


def _mode(health: Health) -> str:
    said = health.observation
    if not said:
        return f"helm_mode is {health.mode}"
    return (
        f"{said['by']} has everything pass for {said['until'] - time.time():.0f} s: {said['why']}"
    )


def look_at_hosts(health: Health) -> Finding:
    """Tell on which hosts every request is a call: the list, and what reverse listeners lead to."""
    targets = (
        f"{target} behind {listener.address}"
        for listener in health.listeners
        if (target := target_of(listener.mode)) is not None
    )
    missing = [host for host in DEFAULT_HOSTS if host not in health.hosts]
    without = f" (of the default list not {', '.join(missing)})" if missing else ""
    governed = ", ".join((*health.hosts, *targets))
    return Finding("every request to these hosts is a call", YES, governed + without)


def look_at_policy(health: Health, folders: Sequence[Path]) -> Finding:
    """Check that the policy in force is the one in these folders; without any, tell which it is."""
    in_force = f"{health.policy_uri}, {health.policy_rules} rules, {health.policy_digest[:_SHOWN]}…"
    if not folders:
        return Finding("the policy in force", YES, in_force)
    looked_at = "the policy is the one expected"
    try:
        expected = read_policy(folders)
    except (PolicyError, OSError) as error:
        return Finding(looked_at, UNKNOWN, f"can't read it: {error}", "mend the policy folder")
    same = expected.digest == health.policy_digest
    return judged(
        same,
        looked_at,
        in_force if same else f"{in_force}; expected {expected.uri}, {expected.digest[:_SHOWN]}…",
        "name the right folder with --policy, or restart the boundary with it",
    )
