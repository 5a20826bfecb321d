"""Sends recorded requests through a boundary to a server that answers as was recorded."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from recorded.recording import Recording
from suites.routes import POLICY, read_receipts
from support.boundary import Boundary
from support.upstream import Upstream
from support.wire import Framing, Recorded, Reply

_NUMBER = "x-recording"
_CLIENTS = 4
_PATIENCE = 60
_REFUSED = "x-helm-verdict"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call; `why` is empty where it passed as it came."""

    recording: Recording
    why: str
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Replayed:
    """All outcomes, in the recordings' order, and the calls that have a receipt."""

    outcomes: Sequence[Outcome]
    receipts: int


def replay(recordings: Sequence[Recording], folder: Path, mode: str) -> Iterator[Outcome | int]:
    """Yield each call's outcome as it comes, and at the end how many calls have a receipt."""
    with _boundary(recordings, folder, mode) as (boundary, upstream):

        def outcome(number: int) -> Outcome:
            return _compare(boundary.port, upstream, number, recordings[number])

        with ThreadPoolExecutor(_CLIENTS) as clients:
            yield from clients.map(outcome, range(len(recordings)))
    yield read_receipts(boundary.state)[0]


@contextmanager
def _boundary(
    recordings: Sequence[Recording], folder: Path, mode: str
) -> Iterator[tuple[Boundary, dict[int, Recorded]]]:
    seen: dict[int, Recorded] = {}

    def answer(request: Recorded) -> Reply:
        number = int(request.header(_NUMBER) or 0)
        seen[number] = request
        return _reply(recordings[number])

    with Upstream() as upstream:
        upstream.answer(answer)
        options = {"flow_detail": 0, "helm_mode": mode, "helm_deadline_ms": 1000}
        with Boundary(upstream, state=folder, policy=POLICY, options=options) as boundary:
            yield boundary, seen


def _reply(recording: Recording) -> Reply:
    """Answer as was recorded; a stream an event at a time."""
    if b"event-stream" not in _content_type(recording):
        return Reply(recording.status, recording.answer_headers, (recording.answer,))
    events = tuple(each + b"\n\n" for each in recording.answer.split(b"\n\n") if each)
    return Reply(recording.status, recording.answer_headers, events, Framing.CHUNKED)


def _content_type(recording: Recording) -> bytes:
    headers = recording.answer_headers
    return "".join(value for key, value in headers if key.lower() == "content-type").encode()


def _sent(recording: Recording) -> bytes:
    """Return the bytes of the recorded answer as the server here writes them."""
    return b"".join(step for step in _reply(recording).steps if isinstance(step, bytes))


def _compare(port: int, seen: dict[int, Recorded], number: int, recording: Recording) -> Outcome:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        connection.putrequest(recording.method, recording.path, skip_accept_encoding=True)
        for name, value in (*recording.headers, (_NUMBER, str(number))):
            connection.putheader(name, value)
        if recording.body:
            connection.putheader("content-length", str(len(recording.body)))
        connection.endheaders(recording.body or None)
        response = connection.getresponse()
        body, verdict = response.read(), response.headers.get(_REFUSED, "")
    except (OSError, http.client.HTTPException) as error:
        return Outcome(recording, f"{type(error).__name__}: {error}")
    finally:
        connection.close()
    return _judge(recording, seen.get(number), response.status, body, verdict)


def _judge(
    recording: Recording, seen: Recorded | None, status: int, body: bytes, verdict: str
) -> Outcome:
    if (status, body) != (recording.status, _sent(recording)):
        is_refused = bool(verdict) or b"helm" in body
        return Outcome(recording, body[-500:].decode("utf-8", "replace"), is_refused)
    if seen is None or seen.body != recording.body or seen.path != recording.path:
        return Outcome(recording, "the server saw another request")
    return Outcome(recording, "")
