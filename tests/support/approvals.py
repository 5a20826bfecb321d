"""Calls that need a person, and the person: a policy, a client, the command line, mitmweb's API."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from helm_boundary.approvals.entry import PENDING, Entry
from helm_boundary.approvals.store import Store
from helm_boundary.cli import main
from helm_boundary.clients.free_ports import free_ports
from helm_receipts.envelope.record import Record
from helm_receipts.export.select import Selection, select
from support.boundary import Boundary

RULES = """# METADATA
# title: What the tests ask a person about
package helm.rules.asking

escalate contains reason("ask.person", "APPROVAL_REQUIRED", "A person must look at this.") if {
	input.phase == "request"
	said("please")
}

deny contains reason("deny.trap", "POLICY_VIOLATION", "Not even with a grant.") if {
	said("trap")
	input.context.approval != null
}

deny contains reason("deny.never", "POLICY_VIOLATION", "Never.") if {
	input.phase == "request"
	said("forbidden")
}

said(word) if {
	some message in input.messages
	contains(message.text, word)
}

reason(rule, code, message) := {
	"rule": rule,
	"code": code,
	"message": message,
	"finality": "ungranted",
}
"""


def write_policy(folder: Path, extra: str = "") -> Path:
    """Write a policy folder over the default policy; calls that say "please" need a person."""
    folder.mkdir(exist_ok=True)
    (folder / "asking.rego").write_text(RULES + extra)
    return folder


@dataclass(frozen=True, slots=True)
class Answer:
    """A client's answer: status, headers in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def helm(self) -> dict[str, Any]:
        """The boundary's own part of a refusal, also of one inside a stream."""
        text = self.body.decode()
        if text.startswith("data:"):
            text = next(line[6:] for line in text.splitlines() if '"helm"' in line)
        found: dict[str, Any] = json.loads(text)["helm"]
        return found

    @property
    def approval(self) -> str:
        """The id of the approval that the call needs."""
        return str(self.helm["approval"]["id"])

    @property
    def codes(self) -> list[str]:
        """The reason codes of a refusal."""
        return [reason["code"] for reason in self.helm["reasons"]]


def body(text: str = "please", **more: Any) -> dict[str, Any]:
    """Return a chat completions request that says this."""
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **more}


TOOLS = [{"type": "function", "function": {"name": "remove", "parameters": {"type": "object"}}}]


def ask(
    boundary: Boundary,
    value: dict[str, Any] | bytes,
    *,
    key: str = "ada",
    path: str = "/v1/chat/completions",
    seconds: float = 30,
) -> Answer:
    """Post a chat completion on a connection of its own; the key is made up."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    connection = http.client.HTTPConnection("127.0.0.1", boundary.port, timeout=seconds)
    try:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer key-of-{key}"}
        connection.request("POST", path, raw, headers)
        response = connection.getresponse()
        found = {name.lower(): content for name, content in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


class Asking:
    """A client that waits for its answer in a thread."""

    def __init__(self, boundary: Boundary, value: dict[str, Any], *, key: str = "ada") -> None:
        self._answer: list[Answer | Exception] = []
        self._thread = threading.Thread(target=self._ask, args=(boundary, value, key))
        self._thread.start()

    def _ask(self, boundary: Boundary, value: dict[str, Any], key: str) -> None:
        try:
            self._answer.append(ask(boundary, value, key=key))
        except (OSError, http.client.HTTPException) as error:
            self._answer.append(error)

    def result(self, seconds: float = 20) -> Answer:
        """Return the answer once it is there; raise what went wrong."""
        self._thread.join(seconds)
        if not self._answer:
            raise TimeoutError("expected an answer by now")
        if isinstance(self._answer[0], Exception):
            raise self._answer[0]
        return self._answer[0]


def pending(boundary: Boundary, count: int = 1, seconds: float = 20) -> list[Entry]:
    """Return the requests that wait for a person, once there are so many."""

    def waiting() -> list[Entry]:
        if not (boundary.state / "approvals").is_dir():
            return []
        now = time.time_ns()
        return [e for e in Store.open(boundary.state).entries() if e.status(now) == PENDING]

    return until(lambda: found if len(found := waiting()) >= count else None, seconds)


def until[Found](look: Callable[[], Found | None], seconds: float = 20) -> Found:
    """Return what `look` finds, as soon as it does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise TimeoutError("expected something by now, found nothing")


def approvals(boundary: Boundary, *arguments: str, typed: str | None = None) -> Result:
    """Run `helm-boundary approvals` on the boundary's state folder, within this process."""
    command = ["approvals", *arguments, "--state", str(boundary.state)]
    return CliRunner().invoke(main, command, input=typed)


def grant(boundary: Boundary, identity: str) -> None:
    """Approve as an operator does."""
    result = approvals(boundary, "approve", "--yes", identity)
    if result.exit_code:
        raise AssertionError(result.output)


def said(boundary: Boundary) -> list[str]:
    """Return the kinds of all approval receipts, in time."""
    return [str(record.predicate["event"]["kind"]) for record in records(boundary, "approval")]


def records(boundary: Boundary, phase: str) -> list[Record]:
    """Return the receipts of a phase, in time."""
    return list(select(boundary.state / "journal", Selection(phase=phase)))


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on, and that the system gives to nobody."""
    return free_ports(1)[0]


class Web:
    """An operator's mitmweb, used as its own page uses it."""

    PASSWORD = "of-the-operator"

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def url(self) -> str:
        """The page, for somebody who knows the password."""
        return f"http://127.0.0.1:{self.port}/?token={self.PASSWORD}"

    def call(self, method: str, path: str, value: Any = None) -> Any:
        """Call the API and return its JSON, or None. Raises OSError for a refusal."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {
            "Authorization": f"Bearer {self.PASSWORD}",
            "Cookie": "_mitmproxy_xsrf=same",
            "X-XSRFToken": "same",
            "Content-Type": "application/json",
        }
        try:
            connection.request(method, path, json.dumps(value), headers)
            response = connection.getresponse()
            text = response.read()
            if response.status >= 400:
                raise OSError(f"{method} {path}: {response.status} {text[:200]!r}")
            return json.loads(text) if text.strip().startswith((b"{", b"[")) else None
        finally:
            connection.close()

    def command(self, name: str, *arguments: str) -> Any:
        """Run a mitmproxy command; return its value or its error's text."""
        told = self.call("POST", f"/commands/{name}", {"arguments": arguments})
        return told.get("value", told.get("error"))

    def flows(self) -> list[dict[str, Any]]:
        """Return all flows."""
        found: list[dict[str, Any]] = self.call("GET", "/flows.json")
        return found

    def held(self) -> dict[str, Any]:
        """Return the one flow that waits, as soon as it does."""
        return until(lambda: next((f for f in self.flows() if f["intercepted"]), None))

    def edit(self, flow: dict[str, Any], value: Any) -> None:
        """Change a flow's request, as somebody who types in it does."""
        content = {"request": {"content": json.dumps(value)}}
        self.call("PUT", f"/flows/{flow['id']}", content)

    def view(self, flow: dict[str, Any], message: str, view: str) -> str:
        """Return a message in one of the views."""
        told = self.call("GET", f"/flows/{flow['id']}/{message}/content/{view}.json")
        return str(told["text"])


@contextmanager
def mitmweb(state: Path, upstream: Any, **options: object) -> Iterator[tuple[Boundary, Web]]:
    """Run mitmweb with the boundary, holding what needs a person."""
    web = Web(free_port())
    settings = {
        "helm_on_escalate": "hold",
        "helm_hold_seconds": 20,
        "web_password": web.PASSWORD,
        **options,
    }
    policy = write_policy(state / "policy")
    arguments = ("--web-port", str(web.port))
    boundary = Boundary(
        upstream, state=state, policy=policy, program="mitmweb", options=settings, args=arguments
    )
    with boundary:
        yield boundary, web
