"""Recorded traffic as the boundary's values: the flows of a file that mitmproxy wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mitmproxy import http
from mitmproxy.exceptions import FlowReadException
from mitmproxy.io import FlowReader

from helm_boundary.calls.call import HttpRequest, HttpResponse

from .conversion import read_request, read_response


class RecordingError(Exception):
    """A file that can't be read as recorded flows."""


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """One message of a WebSocket."""

    from_client: bool
    content: bytes
    is_text: bool


@dataclass(frozen=True, slots=True)
class RecordedFlow:
    """One HTTP flow of a recording, by its place in the file."""

    number: int
    flow: http.HTTPFlow

    @property
    def id(self) -> str:
        """The flow's id in mitmproxy."""
        return self.flow.id

    @property
    def started_ns(self) -> int:
        """When the request began, in nanoseconds since the epoch."""
        return int(self.flow.request.timestamp_start * 1e9)

    @property
    def request(self) -> HttpRequest:
        """The request as the boundary would have judged it; raises RecordingError."""
        try:
            return read_request(self.flow)
        except Exception as error:  # anybody may have written the file
            raise RecordingError(f"flow {self.number}: not a recorded request: {error}") from None

    @property
    def response(self) -> HttpResponse | None:
        """The upstream's response; None where none came, or the boundary answered instead."""
        response = self.flow.response
        if response is None or _is_ours(response):
            return None
        return read_response(response, with_body=True)

    @property
    def lacks_answer(self) -> bool:
        """Whether an answer isn't here that the upstream gave: it was streamed, and not kept."""
        response = self.flow.response
        if response is None:
            return self.flow.error is None
        return response.raw_content is None and not _is_ours(response)

    @property
    def messages(self) -> Iterator[RecordedMessage]:
        """The messages of a WebSocket as its two ends sent them, none of the boundary's own."""
        for message in self.flow.websocket.messages if self.flow.websocket else ():
            if not message.injected:
                yield RecordedMessage(message.from_client, message.content, message.is_text)


def read_flows(path: Path) -> Iterator[RecordedFlow]:
    """Yield the HTTP flows of a file, with their places in it.

    Raises:
        RecordingError: the file can't be read, or isn't one that mitmproxy wrote.
    """
    try:
        with path.open("rb") as file:
            for number, flow in enumerate(FlowReader(file).stream(), 1):
                if isinstance(flow, http.HTTPFlow):
                    yield RecordedFlow(number, flow)
    except (OSError, FlowReadException) as error:
        raise RecordingError(f"{path}: not recorded flows: {error}") from None


def _is_ours(response: http.Response) -> bool:
    """Tell whether the boundary wrote the response, so that nothing of it is the upstream's."""
    status = str(response.headers.get("x-helm-status", "APPROVED"))
    return status not in ("APPROVED", "OBSERVED")
