"""Calls in recorded traffic: mitmproxy's flow files, read as the boundary would have read them.

What the boundary refuses by itself (an ambiguous path, a body that can't be read) no policy is
asked about; such flows are listed with the reason, not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from helm_boundary.calls.call import Answer, HttpRequest, HttpText
from helm_boundary.calls.hosts import DEFAULT_HOSTS, parse_host_pattern
from helm_boundary.calls.refusal import Refusal
from helm_boundary.commands.reader import CommandReader
from helm_boundary.enforcement.exchange import api_key, correlation_id
from helm_boundary.evaluation.document import Context, state_call, state_request, state_response
from helm_boundary.evaluation.findings import find_in_call
from helm_boundary.evaluation.http_texts import outside_texts
from helm_boundary.flows.recording import RecordedFlow, read_flows
from helm_boundary.matching.matcher import Matcher
from helm_boundary.parsing.parsed_call import Recognised
from helm_boundary.parsing.requests import read_call, recognise
from helm_boundary.parsing.responses import read_answer
from helm_boundary.parsing.sessions import session_of
from helm_boundary.policy.detectors.detectors import Detectors

from .sessions import MAX_BODY, read_session

NO_KEY = "unknown-key"  # the pseudonym's key belongs to the boundary that recorded


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call of a recording, by its place in the file; ``answer`` where it got one."""

    number: int
    method: str
    host: str
    path: str
    read: Recognised
    answer: Answer | None
    shared: bytes
    context: Context
    outside: tuple[HttpText, ...]

    def documents(
        self, detectors: Detectors, commands: CommandReader | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """Yield the document of each phase, with what these detectors and this reader find."""
        findings = [*find_in_call(detectors, self.read.call), *detectors.scan(self.outside)]
        yield "request", state_request(self.shared, findings, self.context)
        if self.answer is not None:
            findings = detectors.scan(self.answer.texts)
            answer = commands.read(self.answer) if commands else self.answer
            yield "response", state_response(self.shared, answer, findings, self.context)


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """A call that the boundary refuses by itself, by its flow's place in the file, and why."""

    number: int
    code: str
    reason: str


@dataclass(slots=True)
class Recording:
    """The calls of a recording, those that the boundary refuses, and how many flows were none.

    `missing` counts calls whose answer the upstream gave and the recording doesn't have.
    """

    calls: list[RecordedCall]
    other: int = 0
    refused: list[RefusedCall] = field(default_factory=list)
    missing: int = 0

    @property
    def unreadable(self) -> int:
        """How many calls the boundary refuses by itself."""
        return len(self.refused)

    def refuse(self, flow: RecordedFlow, refusal: Refusal) -> None:
        """Take down that the boundary refuses a call of a flow by itself."""
        self.refused.append(RefusedCall(flow.number, refusal.code, refusal.message))

    @property
    def is_whole(self) -> bool:
        """Whether everything that was said is here, and could be read."""
        return not self.unreadable and not self.missing

    def gaps(self) -> Iterator[str]:
        """Yield a line for a person about each kind of thing that isn't here."""
        if self.unreadable:
            yield f"{self.unreadable} more calls the boundary refuses by itself"
        if self.missing:
            yield self.missing_answers()

    def missing_answers(self) -> str:
        """Say how many answers aren't here, and how to record them."""
        return (
            f"{self.missing} answers aren't in the recording, so nothing is said of their tool "
            "calls: record streams with --set store_streamed_bodies=true, or with the boundary"
        )


def read_recording(path: Path) -> Recording:
    """Return every call of a flow file; raises `RecordingError` when it isn't one."""
    matcher = Matcher([parse_host_pattern(host) for host in DEFAULT_HOSTS])
    recording = Recording([])
    for flow in read_flows(path):
        _add(recording, matcher, flow)
    return recording


def _add(recording: Recording, matcher: Matcher, flow: RecordedFlow) -> None:
    try:
        request = flow.request
        operation = recognise(matcher, request, MAX_BODY)
        if operation is None:
            recording.other += 1
            return
        read = read_call(request, operation, MAX_BODY)
        answer = None if flow.lacks_answer else _answer(flow, read)
        call = recorded_call(flow, request, read, answer)
    except Refusal as refusal:
        recording.refuse(flow, refusal)
        return
    recording.calls.append(call)
    recording.missing += flow.lacks_answer
    _add_session(recording, flow, read)


def _add_session(recording: Recording, flow: RecordedFlow, read: Recognised) -> None:
    for event in read_session(flow.request, read.operation, flow.messages):
        if isinstance(event, Refusal):
            recording.refuse(flow, event)
            continue
        try:
            call = recorded_call(flow, event.request, event.read, event.answer)
        except Refusal as refusal:
            recording.refuse(flow, refusal)
            continue
        recording.calls.append(call)
        recording.missing += event.lacks_answer


def recorded_call(
    flow: RecordedFlow, request: HttpRequest, read: Recognised, answer: Answer | None
) -> RecordedCall:
    """Put together what is judged again of a call; Refusal where its headers can't be read."""
    key_id = NO_KEY if api_key(request) else None
    session = session_of(request, read.call.body)
    shared = state_call(
        request, read.operation, read.call, read.body, mode="enforce", key_id=key_id
    )
    return RecordedCall(
        number=flow.number,
        method=request.method,
        host=request.host,
        path=request.path,
        read=read,
        answer=answer,
        shared=shared,
        context=Context(flow.started_ns, flow.id, correlation_id(request), session),
        outside=tuple(outside_texts(request)),
    )


def _answer(flow: RecordedFlow, read: Recognised) -> Answer | None:
    response = flow.response
    if response is None:
        return None
    return read_answer(read.operation, response, MAX_BODY, read.call).answer
