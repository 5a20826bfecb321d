"""Bytes that are much work for their size: they are judged, and other calls go on meanwhile."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.chats import WORDS
from bench.pause_cases import MEGABYTE
from bench.pauses import ALLOWED, case_upstream, pause
from support.boundary import Boundary
from support.sampling import every
from support.scene import CHAT
from support.upstream import Upstream

SLOW_MACHINE_MS = 2_000
"""A small call takes so long where other tests run, whatever is judged beside it."""

REFUSED = {"request: a form of 10,000 parts": "403 SCHEMA_VIOLATION"}
LONG = (
    "request: 100,000 small texts",
    "request: a conversation of 16 MB",
    "request: deep nesting, 1 MB",
    "request: 20 MB in gzip",
    "request: a form of 900 parts",
    "request: a form of 10,000 parts",
    "answer: one string of 30 MB",
    "answer: 20 MB in gzip",
    "stream: 2 MB of LF",
    "stream: 2 MB of CR",
    "stream: 2 MB of empty data",
    "stream: one event of 5 MB in small chunks",
    "stream: a call's arguments in 20,000 deltas",
    "stream: 1 MB of text and 1,000 tool calls",
)


@pytest.fixture(scope="module")
def boundary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boundary]:
    """Start a boundary under the default policy, before an upstream of long answers."""
    folder = tmp_path_factory.mktemp("pauses")
    (folder / "policy").mkdir()
    (folder / "policy" / "data.yaml").write_text(ALLOWED)
    with (
        case_upstream() as port,
        Boundary(
            state=folder, mode=f"reverse:http://127.0.0.1:{port}", policy=folder / "policy"
        ) as running,
    ):
        yield running


@pytest.mark.parametrize("name", every(3, LONG))
def test_other_calls_go_on_while_long_work_is_done(boundary: Boundary, name: str) -> None:
    """The longest of them takes a part of what the long one does, and that one isn't denied."""
    longest, took, answered = pause(boundary.port, name)
    assert answered == REFUSED.get(name, "200")
    assert longest < SLOW_MACHINE_MS + took / 3


def test_a_message_in_very_many_fragments_is_judged_as_one(boundary: Boundary) -> None:
    """Cutting frames is mitmproxy's, and takes as long without us; the session goes on."""
    assert pause(boundary.port, "socket: a message in 100,000 fragments")[2] == "101"


@pytest.mark.slow
def test_no_size_up_to_the_bound_is_a_reason_to_deny(tmp_path: Path) -> None:
    """60 MB under `helm_max_body=64m`, by the usual deadline; what is larger is refused."""
    options = {"helm_max_body": "64m", "body_size_limit": "100m"}
    with Upstream() as upstream, Boundary(upstream, state=tmp_path, options=options) as boundary:
        assert post(boundary, 60) == 200
        assert len(upstream.requests) == 1
        assert post(boundary, 68) == 403
        assert len(upstream.requests) == 1


def post(boundary: Boundary, megabytes: int) -> int:
    """Send a chat of that size; return the status."""
    text = WORDS * (megabytes * MEGABYTE // len(WORDS) // 100)
    messages = [{"role": "user", "content": text} for _ in range(100)]
    body = json.dumps({"model": "gpt-4o", "messages": messages})
    client = http.client.HTTPConnection("127.0.0.1", boundary.port, timeout=120)
    try:
        client.request("POST", CHAT, body, {"content-type": "application/json"})
        return client.getresponse().status
    finally:
        client.close()
