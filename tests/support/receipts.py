"""Drafts and journals for tests of receipts."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from helm_boundary.runtime.key_pinning import pins, settle
from helm_receipts.envelope.statement import (
    ClientFacts,
    Coverage,
    Draft,
    End,
    FlowFacts,
    Outcome,
    PolicyRef,
    Reason,
    Verdict,
)
from helm_receipts.layout import Layout
from helm_receipts.recording.recorder import Receipt, Recorder

CONFIGURATION = "ef" * 32
_sessions = count()
POLICY = PolicyRef("file:///policies", "ab" * 32, "regorus")


def flow(call: str, model: str | None = "gpt-4o") -> FlowFacts:
    """Make the facts of a chat completion under this call id."""
    return FlowFacts(
        id=call,
        correlation_id=f"c-{call}",
        operation="createChatCompletion",
        dialect="openai.chat",
        method="POST",
        host="api.openai.com",
        path="/v1/chat/completions",
        model=model,
        stream=False,
        tls_inspected=True,
    )


def request(call: str, verdict: Verdict = "ALLOW", body: bytes = b'{"model":"gpt-4o"}') -> Draft:
    """Draft a request receipt."""
    return Draft(
        phase="request",
        verdict=verdict,
        enforcement="enforced",
        policy=POLICY,
        reasons=(Reason("ALLOWED", "helm.rules.models", "instance_context"),),
        flow=flow(call),
        coverage=Coverage("whole", "none", len(body), len(body)),
        subjects={"request": body},
        client=ClientFacts(None, "cd" * 32),
    )


def outcome(call: str, verdict: Verdict = "ALLOW", end: End = "complete") -> Draft:
    """Draft an outcome receipt."""
    return Draft(
        phase="outcome",
        verdict=verdict,
        enforcement="enforced",
        policy=POLICY,
        reasons=(),
        flow=flow(call),
        coverage=Coverage("whole", "whole", 900, 900),
        subjects={"request": b'{"model":"gpt-4o"}', "response": b'{"choices":[]}'},
        outcome=Outcome(200, ("stop",), 10, 20, "gpt-4o-2024", end),
    )


@contextmanager
def recording(state: Path, **settings: Any) -> Iterator[Recorder]:
    """Open a recorder on a state folder and pin its keys as a boundary does; closed in the end."""
    recorder = Recorder.open(state, version="0.1.0", configuration=CONFIGURATION, **settings)
    if "database" not in settings and pins().find(Layout(state)) is None:
        settle(Layout(state))
    try:
        yield recorder
    finally:
        recorder.close()


def record_calls(state: Path, calls: int, **settings: Any) -> None:
    """Record so many calls, each with a request and an outcome, in a session of their own.

    In batches as large as a segment takes, since every batch waits for the disk.
    """
    session = next(_sessions)  # an id is used once
    batch = max(1, settings.get("segment_bytes", 250_000) // 10_000)
    with recording(state, **settings) as recorder:
        for first in range(0, calls, batch):
            names = [f"call-{session}-{n}" for n in range(first, min(calls, first + batch))]
            drafts = [draft for name in names for draft in (request(name), outcome(name))]
            results = recorder._writer.commit(drafts).results
            assert all(isinstance(result, Receipt) for result in results)


def unpin(state: Path) -> None:
    """Make this another machine's folder: nothing is known here of its keys."""
    origin = (state / "origin").read_text().strip()
    for path in pins().folder.glob("*.json"):
        if origin in path.read_text():
            path.unlink()


def journal_of(state: Path) -> Path:
    """Return the folder of the only writer."""
    (writer,) = (state / "journal").iterdir()
    return writer
