"""Calls in recorded traffic: mitmproxy's flow files, read as the boundary would have read them.

What the boundary refuses by itself (an ambiguous path, a body that can't be read) no policy is
asked about; such flows are counted, not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mitmproxy import http
from mitmproxy.exceptions import FlowReadException
from mitmproxy.io import FlowReader

from helm_boundary.calls.call import Answer
from helm_boundary.calls.hosts import DEFAULT_HOSTS, parse_host_pattern
from helm_boundary.calls.refusal import Refusal
from helm_boundary.enforcement.exchange import api_key, correlation_id
from helm_boundary.evaluation.document import Context, state_call, state_request, state_response
from helm_boundary.flows.conversion import read_request, read_response
from helm_boundary.matching.matcher import Matcher
from helm_boundary.parsing.parsed_call import Recognised
from helm_boundary.parsing.requests import read_call, recognise
from helm_boundary.parsing.responses import read_answer
from helm_boundary.policy.detectors.detectors import Detectors

MAX_BODY = 64 * 1_048_576
NO_KEY = "unknown-key"  # the pseudonym's key belongs to the boundary that recorded


class RecordingError(Exception):
    """A file that can't be read as recorded flows."""


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

    def documents(self, detectors: Detectors) -> Iterator[tuple[str, bytes]]:
        """Yield the document of each phase, with what these detectors find."""
        findings = detectors.scan(self.read.call.texts)
        yield "request", state_request(self.shared, findings, self.context)
        if self.answer is not None:
            findings = detectors.scan(self.answer.texts)
            yield "response", state_response(self.shared, self.answer, findings, self.context)


@dataclass(slots=True)
class Recording:
    """The calls of a recording, and how many flows were none or could not be read."""

    calls: list[RecordedCall]
    other: int = 0
    unreadable: int = 0


def read_recording(path: Path) -> Recording:
    """Read every call of a flow file; RecordingError when it isn't one."""
    matcher = Matcher([parse_host_pattern(host) for host in DEFAULT_HOSTS])
    recording = Recording([])
    try:
        with path.open("rb") as file:
            for number, flow in enumerate(FlowReader(file).stream(), 1):
                if isinstance(flow, http.HTTPFlow):
                    _read_flow(recording, matcher, flow, number)
    except (OSError, FlowReadException) as error:
        raise RecordingError(f"{path}: not recorded flows: {error}") from None
    return recording


def _read_flow(recording: Recording, matcher: Matcher, flow: http.HTTPFlow, number: int) -> None:
    try:
        request = read_request(flow)
        operation = recognise(matcher, request, MAX_BODY)
        if operation is None:
            recording.other += 1
            return
        read = read_call(request, operation, MAX_BODY)
        answer = _answer(flow, read)
    except Refusal:
        recording.unreadable += 1
        return
    key_id = NO_KEY if api_key(request) else None
    shared = state_call(
        request, read.operation, read.call, read.body, mode="enforce", key_id=key_id
    )
    now_ns = int(flow.request.timestamp_start * 1e9)
    context = Context(now_ns, flow.id, correlation_id(request))
    recording.calls.append(
        RecordedCall(
            number, request.method, request.host, request.path, read, answer, shared, context
        )
    )


def _answer(flow: http.HTTPFlow, read: Recognised) -> Answer | None:
    response = flow.response
    if response is None or _is_ours(response):
        return None
    given = read_response(response, with_body=True)
    return read_answer(read.operation, given, MAX_BODY).answer


def _is_ours(response: http.Response) -> bool:
    """Tell whether the boundary answered in the upstream's place.

    Nothing of such a response is the upstream's.
    """
    status = str(response.headers.get("x-helm-status", "APPROVED"))
    return status not in ("APPROVED", "OBSERVED")
