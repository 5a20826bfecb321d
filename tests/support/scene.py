"""One boundary before one upstream: raw requests in, and what client, upstream and journal saw.

with scene(tmp_path) as stage:
    answer = stage.chat(model="denied")
    assert_refused(stage, answer, "POLICY_VIOLATION")
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helm_receipts.audit.single_receipt import verify_receipt
from helm_receipts.audit.verify import verify_journal
from helm_receipts.envelope.key_files import load
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from support.boundary import Boundary
from support.certificates import Authority
from support.scripted_policy import write_scripted_policy
from support.upstream import Upstream

CHAT = "/v1/chat/completions"
JSON_BODY = (("Content-Type", "application/json"),)
_PATIENCE = 20.0
PATIENT = {"helm_deadline_ms": 1000}
"""A machine that runs tests in parallel is slow at times; that is no verdict to test."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A client's answer; `status` is 0 where the connection ended without one."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    correlation: str
    whole: bool = True

    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.json()["error"]["code"])

    @property
    def events(self) -> list[Any]:
        """The data of a stream's events, parsed, without `[DONE]`."""
        lines = [line[5:].strip() for line in self.body.split(b"\n") if line.startswith(b"data:")]
        return [json.loads(line) for line in lines if line != b"[DONE]"]


class Wire:
    """A client's connection, for requests that no library would send."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)

    def send(self, data: bytes) -> None:
        """Send bytes as they are, even if the peer has closed already."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)

    def answer(self, correlation: str = "", method: str = "POST") -> Answer:
        """Read one response, or find that there is none."""
        response = http.client.HTTPResponse(self.socket, method=method)
        try:
            response.begin()
        except (http.client.HTTPException, ConnectionError, TimeoutError):
            return Answer(0, {}, b"", correlation)
        headers = {name.lower(): value for name, value in response.getheaders()}
        try:
            return Answer(response.status, headers, response.read(), correlation)
        except http.client.IncompleteRead as error:
            return Answer(response.status, headers, error.partial, correlation, whole=False)
        except ConnectionError:
            return Answer(response.status, headers, b"", correlation, whole=False)

    def rest(self) -> bytes:
        """Read everything until the peer closes."""
        data = bytearray()
        with contextlib.suppress(ConnectionError, TimeoutError):
            while piece := self.socket.recv(1 << 16):
                data += piece
        return bytes(data)

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Scene:
    """A boundary and the upstream behind it; `is_proxy` where clients name the upstream to it."""

    boundary: Boundary
    upstream: Upstream
    is_proxy: bool = False

    def wire(self) -> Wire:
        """Open a new connection to the boundary."""
        return Wire(self.boundary.port)

    def post(
        self,
        body: bytes,
        *,
        path: str = CHAT,
        headers: Sequence[tuple[str, str]] = JSON_BODY,
        method: str = "POST",
        host: str = "",
    ) -> Answer:
        """Send one request on a connection of its own and read the answer."""
        correlation = str(uuid.uuid4())
        with self.wire() as wire:
            wire.send(self.request(body, path, headers, method, host, correlation))
            return wire.answer(correlation, method)

    def request(
        self,
        body: bytes,
        path: str = CHAT,
        headers: Sequence[tuple[str, str]] = JSON_BODY,
        method: str = "POST",
        host: str = "",
        correlation: str = "",
    ) -> bytes:
        """Return a request's bytes."""
        named = [
            ("Host", host or f"127.0.0.1:{self.upstream.port}"),
            ("X-Helm-Correlation-Id", correlation),
            *headers,
            *([("Content-Length", str(len(body)))] if body or method == "POST" else []),
        ]
        target = self.upstream.url + path if self.is_proxy and path.startswith("/") else path
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in named)]
        return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape") + body

    def tunnel(self, target: str = "", *, sni: str | None = "localhost", alpn: str = "") -> Wire:
        """Open a tunnel through a forward proxy, with TLS inside unless `sni` is None."""
        wire = self.wire()
        target = target or f"localhost:{self.upstream.port}"
        wire.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        established = b""
        while b"\r\n\r\n" not in established:
            established += wire.socket.recv(1)
        assert established.startswith(b"HTTP/1.1 200"), established
        if sni is not None:
            context = ssl.create_default_context(cafile=str(self.boundary.ca_file))
            context.check_hostname = False
            if alpn:
                context.set_alpn_protocols([alpn])
            wire.socket = context.wrap_socket(wire.socket, server_hostname=sni or None)
        return wire

    def chat(self, **changes: Any) -> Answer:
        """Post a chat completion; the arguments change its body."""
        return self.post(chat_body(**changes))

    def records(self, correlation: str, expected: int = 2) -> list[dict[str, Any]]:
        """Return the predicates of one call's own receipts, in order, verified.

        Waits a little for them. Receipts about the call's approval are left out.
        """
        deadline = time.monotonic() + 20
        while True:
            found = [
                record
                for record in read_records(Layout(self.boundary.state).journal)
                if record.predicate.get("flow", {}).get("correlationId") == correlation
                and record.predicate["phase"] in ("request", "tool_call", "outcome")
            ]
            if len(found) >= expected or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        key = load(Layout(self.boundary.state).keys / "receipt.pem", "receipt").public
        return [verify_receipt(record.envelope, key).predicate for record in found]

    @contextlib.contextmanager
    def untouched(self) -> Iterator[None]:
        """Assert that the upstream sees no connection, no request and no byte meanwhile."""
        before = self._seen()
        yield
        assert self._seen() == before, "the upstream saw something of a refused call"

    def _seen(self) -> tuple[int, int, int, int]:
        upstream = self.upstream
        # The upstream doesn't count a connection before its TLS handshake; mitmproxy logs it.
        connected = self.boundary.log.count("] server connect ")
        return upstream.connections, len(upstream.requests), upstream.bytes_received, connected


def chat_body(**changes: Any) -> bytes:
    """Return a chat completion's body."""
    body = {"model": "ordinary", "messages": [{"role": "user", "content": "Hello"}], **changes}
    return json.dumps(body).encode()


@contextlib.contextmanager
def forward_scene(folder: Path, **settings: Any) -> Iterator[Scene]:
    """Run a forward proxy with the scripted policy, and an upstream that speaks TLS."""
    settings.setdefault("policy", write_scripted_policy(folder / "policy"))
    authority = Authority(folder / "upstream")
    trusted = {"ssl_verify_upstream_trusted_ca": authority.file}
    options = {**PATIENT, **trusted, **settings.pop("options", {})}
    certificate = authority.issue("localhost", "127.0.0.1")
    with (
        Upstream(certificate) as upstream,
        Boundary(state=folder, options=options, **settings) as boundary,
    ):
        yield Scene(boundary, upstream)
    verify_all(boundary)


@contextlib.contextmanager
def plain_scene(folder: Path, **settings: Any) -> Iterator[Scene]:
    """Start a forward proxy with the scripted policy before an ungoverned upstream without TLS."""
    settings.setdefault("policy", write_scripted_policy(folder / "policy"))
    settings["options"] = {**PATIENT, **settings.get("options", {})}
    with Upstream() as upstream, Boundary(state=folder, **settings) as boundary:
        yield Scene(boundary, upstream, is_proxy=True)
    verify_all(boundary)


@contextlib.contextmanager
def scene(folder: Path, **settings: Any) -> Iterator[Scene]:
    """Run a reverse proxy with the scripted policy before an upstream of our own."""
    settings.setdefault("policy", write_scripted_policy(folder / "policy"))
    settings["options"] = {**PATIENT, **settings.get("options", {})}
    with Upstream() as upstream, Boundary(upstream, state=folder, **settings) as boundary:
        yield Scene(boundary, upstream)
    verify_all(boundary)


def verify_all(boundary: Boundary) -> None:
    """Assert that the journal verifies from its first line to its last."""
    layout = Layout(boundary.state)
    report = verify_journal(layout.journal, [load(layout.keys / "receipt.pem", "receipt").public])
    assert report.open_calls == 0, "a request receipt has no outcome"


def assert_refusal(answer: Answer, code: str, verdict: str = "DENY") -> dict[str, Any]:
    """Assert that a client was refused in the one form there is; return the `helm` member."""
    assert answer.status == 403, answer
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-helm-verdict"] == verdict
    body: dict[str, Any] = answer.json()
    assert (body["error"]["code"], body["error"]["reason_code"]) == (code, code), body
    assert isinstance(body["error"]["message"], str)
    told: dict[str, Any] = body["helm"]
    assert told["verdict"] == verdict
    return told


def assert_refused(stage: Scene, answer: Answer, code: str, verdict: str = "DENY") -> None:
    """Assert a refusal of a request: its form, its two receipts, and that the next call works."""
    told = assert_refusal(answer, code, verdict)
    request, outcome = stage.records(answer.correlation)
    assert [request["phase"], outcome["phase"]] == ["request", "outcome"]
    assert (request["verdict"], outcome["verdict"]) == (verdict, verdict)
    assert outcome["outcome"]["end"] == "denied"
    assert told["receipt_id"] == _id(request)
    assert_works(stage)


def assert_works(stage: Scene) -> None:
    """Assert that an ordinary call passes."""
    seen = len(stage.upstream.requests)
    answer = stage.chat()
    assert answer.status == 200, answer
    assert len(stage.upstream.requests) == seen + 1
    request, outcome = stage.records(answer.correlation)
    assert (request["verdict"], outcome["verdict"]) == ("ALLOW", "ALLOW")


def _id(predicate: dict[str, Any]) -> str:
    sequence = predicate["sequence"]
    return f"{sequence['writer']}-{sequence['number']:06d}"
