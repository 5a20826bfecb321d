"""Governed flows as mitmproxy shows them: live, saved and read back, and not for ever."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest import mock

import pytest
from click.testing import CliRunner
from mitmproxy import contentviews, ctx, http, io, options

from helm_boundary.cli import main
from helm_boundary.views import add_views
from support.approvals import (
    TOOLS,
    Asking,
    approvals,
    ask,
    body,
    grant,
    mitmweb,
    pending,
    records,
    until,
    write_policy,
)
from support.boundary import Boundary
from support.chat import ToolCall, Turn, reply_to_chat
from support.upstream import Upstream


def test_saved_flows_show_their_judgement(upstream: Upstream, tmp_path: Path) -> None:
    """Flows that mitmdump wrote to a file are read back with comments, marks and both views."""
    turn = Turn("Looking.", (ToolCall("remove", '{"path": "/srv/a"}'),))
    saved = tmp_path / "flows"
    policy = write_policy(tmp_path / "policy")
    arguments = ("-w", str(saved), "--set", "store_streamed_bodies=true")
    with Boundary(upstream, state=tmp_path, policy=policy, args=arguments) as boundary:
        ask(boundary, body("write to ada@example.org"))
        ask(boundary, body("the forbidden"))
        upstream.answer(lambda request: reply_to_chat(request, turn))
        value = body("clean up", tools=TOOLS, stream=True)
        grant(boundary, ask(boundary, value).approval)
        ask(boundary, value)
    allowed, denied, escalated, granted = _read(saved)
    assert (allowed.marked, allowed.comment) == (
        ":white_check_mark:",
        "ALLOW createChatCompletion gpt-4o (rewritten)",
    )
    assert denied.comment == "DENY POLICY_VIOLATION createChatCompletion gpt-4o"
    assert escalated.comment == "ESCALATE APPROVAL_REQUIRED createChatCompletion gpt-4o"
    assert "user\n    write to [email removed]" in _shown(allowed, "request", "conversation")
    judged = _shown(allowed, "request", "judgement")
    assert '-      "content": "write to ada@example.org"' in judged
    assert '+      "content": "write to [email removed]"' in judged
    assert "request: ALLOW, receipt " in judged
    assert " ms  request policy" in judged
    told = _shown(denied, "response", "auto")
    assert "    Never.\n        POLICY_VIOLATION from deny.never\n" in told
    assert "allowed once somebody grants it" in told
    assert "tool calls: ALLOW" in _shown(granted, "response", "judgement")
    assert "granted by " in _shown(granted, "response", "judgement")
    told = _shown(granted, "response", "conversation")
    assert "assistant\n    Looking.\n-> remove" in told
    assert '"path": "/srv/a"' in told


def test_names_from_traffic_can_not_control_a_terminal(upstream: Upstream, tmp_path: Path) -> None:
    """Escapes, bidirectional marks and line breaks are escapes of ours wherever names are shown."""
    turn = Turn(f"say {HOSTILE}", (ToolCall(f"remove{HOSTILE}", json.dumps({"path": HOSTILE})),))
    upstream.answer(lambda request: reply_to_chat(request, turn))
    with mitmweb(tmp_path, upstream, helm_policy=_any_model(tmp_path)) as (boundary, web):
        asking = Asking(boundary, {**body("clean up", tools=TOOLS), "model": f"gpt{HOSTILE}"})
        flow = web.held()
        (entry,) = pending(boundary)
        shown = [
            flow["comment"],
            *web.command("helm.pending")[0],
            *(cell for row in web.command("helm.explain", "~all") for cell in row),
            *(cell for row in web.command("helm.receipt", "~all") for cell in row),
            *(web.view(flow, "response", view) for view in ("conversation", "judgement")),
            web.view(flow, "request", "conversation"),
        ]
        for command in (["list"], ["show", entry.id], ["list", "--json"]):
            shown.append(approvals(boundary, *command).output)
        web.call("POST", f"/flows/{flow['id']}/kill")
        assert asking.result().status == 403
        shown += [receipts(boundary, "list"), boundary.log]
        shown += [receipts(boundary, "show", each.id) for each in records(boundary, "outcome")]
    for text in shown:
        assert all(line.isprintable() for line in text.split("\n")), text
    assert sum("\\x1b[31m" in text for text in shown) >= 6
    assert not any(line.startswith("APPROVED") for text in shown for line in text.splitlines())


HOSTILE = "\x1b[31m\u202e\u2066\x9b2J\x07\r\nAPPROVED"


def _any_model(folder: Path) -> Path:
    policy = write_policy(folder / "any")
    (policy / "data.yaml").write_text(json.dumps({"models": {"allow": [f"gpt{HOSTILE}"]}}))
    return policy


def receipts(boundary: Boundary, *arguments: str) -> str:
    """Return what `helm-boundary receipts` prints."""
    command = ["receipts", *arguments, "--state", str(boundary.state)]
    return str(CliRunner().invoke(main, command).output)


def test_mitmweb_drops_finished_flows_only(upstream: Upstream, tmp_path: Path) -> None:
    """With room for ten flows, the oldest go; the one that waits stays, however old it is."""
    with mitmweb(tmp_path, upstream, helm_keep_flows=10) as (boundary, web):
        asking = Asking(boundary, body("please, stay"))
        held = web.held()
        for _ in range(30):
            assert ask(boundary, body("hello")).status == 200
        until(lambda: len(web.flows()) <= 11 or None)
        assert held["id"] in [flow["id"] for flow in web.flows()]
        web.call("POST", f"/flows/{held['id']}/resume")
        assert asking.result().status == 200


def test_commands_have_help_and_can_be_completed(upstream: Upstream, tmp_path: Path) -> None:
    """Each helm.* command says what it does, and which arguments it takes."""
    with mitmweb(tmp_path, upstream) as (boundary, web):
        told = web.call("GET", "/commands")
        ours = {name: about for name, about in told.items() if name.startswith("helm.")}
        assert set(ours) >= {
            "helm.pending",
            "helm.approve",
            "helm.deny",
            "helm.explain",
            "helm.receipt",
            "helm.policy.reload",
        }
        assert all(about["help"] for about in ours.values())
        assert ours["helm.approve"]["parameters"][0]["type"] == "choice"
        ask(boundary, body("hello"))
        assert "ALLOW" in str(web.command("helm.explain", "~all"))
        (flow,) = web.flows()
        until(lambda: "log index 1\n" in web.view(flow, "request", "judgement") or None)
        assert "Decision on a request" in str(web.command("helm.receipt", "~all"))


@contextmanager
def receiver() -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Run a webhook of ours; yield its address, and what it has been told."""
    told: list[dict[str, object]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", told
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("kind", ["webhook", "command"])
def test_a_person_is_notified_once_without_content(
    upstream: Upstream, tmp_path: Path, kind: str
) -> None:
    """Once for each question, with its id and nothing of its content."""
    policy = write_policy(tmp_path / "policy")
    file = tmp_path / "told.jsonl"
    program = f"import sys; open({str(file)!r}, 'a').write(sys.stdin.read() + chr(10))"
    with receiver() as (url, told):
        target = url if kind == "webhook" else f'{sys.executable} -c "{program}"'
        settings = {"helm_notify": target}
        with Boundary(upstream, state=tmp_path, policy=policy, options=settings) as boundary:
            asked = [ask(boundary, body("please, tell ada@example.org")) for _ in range(2)]
            if kind == "command":
                until(lambda: file.exists() or None)
                told += [json.loads(line) for line in file.read_text().splitlines()]
            until(lambda: told or None)
    assert [each["id"] for each in told] == [asked[0].approval]
    assert told[0]["reasons"] == [{"code": "APPROVAL_REQUIRED", "rule": "ask.person"}]
    assert "ada@" not in json.dumps(told)
    assert "please" not in json.dumps(told)


def _read(path: Path) -> list[http.HTTPFlow]:
    add_views()
    with path.open("rb") as file:
        return [flow for flow in io.FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]


def _shown(flow: http.HTTPFlow, message: str, view: str) -> str:
    # What a proxy sets up when it starts.
    with mock.patch.object(ctx, "options", options.Options(), create=True):
        return contentviews.prettify_message(getattr(flow, message), flow, view).text
