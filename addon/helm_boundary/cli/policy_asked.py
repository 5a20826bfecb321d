"""Policies that are asked about calls of the past, and what they say of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from helm_boundary.commands.asked import command_reader
from helm_boundary.flows.recording import RecordingError
from helm_boundary.policy.decision import ALLOW, Decision
from helm_boundary.policy.detectors.detectors import compile_detectors
from helm_boundary.policy.engines.embedded import EmbeddedEngine, start_embedded
from helm_boundary.policy.errors import EngineError
from helm_boundary.policy.sources.policy import Policy, read_policy
from helm_boundary.replay.recorded import RecordedCall, Recording, read_recording

from .exits import ending_on
from .policy_options import policy_errors

DEADLINE_MS = 5_000
DEFAULT = "-"  # in place of a folder: the default policy alone

type Documents = Iterable[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A policy's verdict on one phase of a call; ``error`` where it has none."""

    phase: str
    verdict: str
    rules: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.verdict} ({', '.join(self.rules)})" if self.rules else self.verdict


class Asked:
    """One policy, ready to be asked about calls."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine
        self._detectors = compile_detectors(engine.policy.detectors_text)
        self._commands = command_reader(engine.policy.own_data)

    def documents(self, call: RecordedCall) -> Documents:
        """Return a recorded call's documents, as this policy would see them."""
        return call.documents(self._detectors, self._commands)

    def judge(self, documents: Documents) -> Iterator[Judgement]:
        """Yield the policy's judgement of the request and, where that is allowed, the response."""
        for phase, decision in self.decide(documents):
            if isinstance(decision, EngineError):
                yield Judgement(phase, "DENY", ("PDP_ERROR",))
            else:
                rules = sorted({reason.rule for reason in decision.reasons})
                rewrites = ("rewritten",) if decision.rewrite else ()
                yield Judgement(phase, decision.verdict, (*rules, *rewrites))

    def decide(self, documents: Documents) -> Iterator[tuple[str, Decision | EngineError]]:
        """Yield the policy's decisions, one for each phase, up to the first that isn't ALLOW."""
        for phase, document in documents:
            try:
                decision = self._engine.decide_now(document)
            except EngineError as error:
                yield phase, error
                return
            yield phase, decision
            if decision.verdict != ALLOW:
                return


@contextmanager
def asked(policy: Policy) -> Iterator[Asked]:
    """Start a policy for as long as the block runs."""
    with policy_errors():
        engine = start_embedded(policy, deadline_ms=DEADLINE_MS)
    try:
        yield Asked(engine)
    finally:
        engine.close()


def policy_at(folders: Sequence[Path], key: Path | None = None) -> Policy:
    """Read the policy that folders make; `-` alone is the default one."""
    named = [folder for folder in folders if str(folder) != DEFAULT]
    with policy_errors():
        return read_policy(named, key=key)


def recording_of(flows: Path) -> Recording:
    """Read the recording in a file; exit code 2 when it is none."""
    with ending_on(RecordingError):
        return read_recording(flows)
