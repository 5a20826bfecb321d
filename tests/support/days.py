"""A day of a company's calls as receipts, for whatever lists, sums up or draws many of them."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from helm_receipts.envelope.statement import ClientFacts, Draft, Outcome, Reason, Verdict
from helm_receipts.recording.recorder import Receipt
from support import receipts

MODELS = ("gpt-5-mini", "gpt-5", "claude-sonnet-4-5", "gemini-2.5-flash", "mistral-large")
HOSTS = {"gpt": "api.openai.com:443", "cla": "api.anthropic.com:443"}
PEOPLE = ("ada", "grace", "edsger", "barbara", None)
REFUSALS = (
    Reason("POLICY_VIOLATION", "models.unlisted", "instance_parameter", "/model"),
    Reason("DATA_EGRESS_BLOCKED", "secrets.request", "instance_parameter", "/messages/1/content"),
    Reason("APPROVAL_REQUIRED", "tools.unlisted", "ungranted"),
)
DAY = 24 * 3600 * 10**9


def record_day(
    state: Path, calls: int, *, until_ns: int | None = None, seed: int = 1, **settings: Any
) -> None:
    """Record so many calls spread over the 24 hours before `until_ns`, which is now by default."""
    chance = random.Random(seed)
    end = until_ns or time.time_ns() - 10**9
    clock = iter(sorted(end - DAY + chance.randrange(DAY) for _ in range(calls)))
    now = [end - DAY]
    drafts = _calls(chance, calls)
    with (
        patch("helm_receipts.recording.writer.time", SimpleNamespace(time_ns=lambda: now[0])),
        receipts.recording(state, **settings) as recorder,
    ):
        while batch := [pair for _, pair in zip(range(10), drafts, strict=False)]:
            now[0], *_ = [next(clock) for _ in batch]
            done = recorder._writer.commit([draft for pair in batch for draft in pair]).results
            assert all(isinstance(result, Receipt) for result in done)


def _calls(chance: random.Random, calls: int) -> Iterator[tuple[Draft, Draft]]:
    session = f"{chance.getrandbits(32):08x}"
    for number in range(calls):
        name = f"{session}-{number}"
        model, person = chance.choice(MODELS), chance.choice(PEOPLE)
        host = HOSTS.get(model[:3], "generativelanguage.googleapis.com:443")
        flow = replace(receipts.flow(name, model), host=host)
        client = ClientFacts(person, f"{chance.randrange(6):02x}" * 32)
        refused = chance.random() < 0.12
        reason = chance.choice(REFUSALS)
        verdict: Verdict = "ALLOW"
        if refused:
            verdict = "ESCALATE" if reason.code == "APPROVAL_REQUIRED" else "DENY"
        ended = Outcome(
            403 if refused else 200,
            () if refused else ("stop",),
            None if refused else chance.randrange(200, 9000),
            None if refused else chance.randrange(20, 1500),
            None if refused else f"{model}-2026",
            "denied" if refused else "complete",
            request_microseconds=chance.randrange(500, 4000),
        )
        reasons = (reason,) if refused else ()
        told: dict[str, Any] = {"flow": flow, "client": client, "reasons": reasons}
        yield (
            replace(receipts.request(name, verdict), **told),
            replace(receipts.outcome(name, verdict), **told, outcome=ended),
        )
