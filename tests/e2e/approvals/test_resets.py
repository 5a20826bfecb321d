"""Streams of HTTP/2 that their client gives up while they wait: they leave their places to others.

By TLS to a reverse listener, and by TLS to the proxy itself; `test_hold` has those in a tunnel.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.approvals import Asking, body, grant, pending, records, said, until, write_policy
from support.boundary import Boundary
from support.http2 import Multiplexed
from support.scene import Scene, Wire, forward_scene, scene

SLOTS = 5
HOLDING = {"helm_on_escalate": "hold", "helm_hold_seconds": 60, "helm_hold_max": SLOTS}
RESETS = 100

type Way = Callable[[Path], contextlib.AbstractContextManager[tuple[Scene, Multiplexed]]]
"""Starts a boundary, and an HTTP/2 client before it."""


def over_tls(boundary: Boundary) -> Wire:
    """Connect with TLS and HTTP/2 to the boundary itself."""
    wire = Wire(boundary.port)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    wire.socket = context.wrap_socket(wire.socket, server_hostname="localhost")
    assert wire.socket.selected_alpn_protocol() == "h2"
    return wire


@contextlib.contextmanager
def reverse(folder: Path) -> Iterator[tuple[Scene, Multiplexed]]:
    """Run a reverse listener to which a client speaks TLS."""
    policy = write_policy(folder / "asking")
    with (
        scene(folder, policy=policy, options=HOLDING) as stage,
        Multiplexed(stage, over_tls(stage.boundary)) as client,
    ):
        yield stage, client


@contextlib.contextmanager
def secure_proxy(folder: Path) -> Iterator[tuple[Scene, Multiplexed]]:
    """Run a forward proxy that is itself reached by TLS."""
    policy = write_policy(folder / "asking")
    with (
        forward_scene(folder, policy=policy, options=HOLDING) as stage,
        Multiplexed(stage, over_tls(stage.boundary)) as client,
    ):
        yield stage, client


@pytest.mark.parametrize("way", [reverse, secure_proxy])
def test_a_reset_stream_waits_no_longer(tmp_path: Path, way: Way) -> None:
    """The question is withdrawn, the outcome says that the client has gone, nothing is sent."""
    with way(tmp_path) as (stage, client):
        stream = client.post(body("please, reset"))
        pending(stage.boundary)
        with stage.untouched():
            client.reset(stream)
            until(lambda: "withdrawn" in said(stage.boundary) or None)
        (outcome,) = until(lambda: records(stage.boundary, "outcome") or None)
        assert outcome.predicate["outcome"]["end"] == "client_gone"


def test_a_hundred_resets_leave_every_place_to_others(tmp_path: Path) -> None:
    """More than may wait at a time, some of them at once: afterwards another client can wait."""
    with reverse(tmp_path) as (stage, client):
        for number in range(0, RESETS, SLOTS):
            streams = [client.post(body(f"please, {number + at}")) for at in range(SLOTS)]
            pending(stage.boundary, SLOTS)
            for stream in streams:
                client.reset(stream)
            gone = number + SLOTS
            until(lambda gone=gone: said(stage.boundary).count("withdrawn") >= gone or None)  # type: ignore[misc]
        asking = Asking(stage.boundary, body("please, somebody else"), key="eve")
        (waiting,) = pending(stage.boundary)
        grant(stage.boundary, waiting.id)
        assert asking.result().status == 200
        assert len(stage.upstream.requests) == 1
