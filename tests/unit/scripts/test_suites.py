"""What a suite's run came to is read rightly, and what a boundary has changed is told by name."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from helm_boundary.clients.free_ports import free_ports
from suites.__main__ import main
from suites.checkouts import NotSetUp, anthropic_python, openai_node, openai_python
from suites.mock import Mock, MockFailed
from suites.report import Turn, problems, remarks
from suites.results import UnreadableResults, counts, lost, read_jest, read_junit
from suites.routes import open_route, read_receipts
from support.receipts import outcome, recording, request
from support.upstream import Reply, Upstream

JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest">
<testcase classname="tests.test_chat.TestChat" name="test_create[strict]" time="0.1" />
<testcase classname="tests.test_chat.TestChat" name="test_create[loose]">
  <failure message="helm">no</failure></testcase>
<testcase classname="tests.test_chat" name="test_old"><skipped type="pytest.skip"/></testcase>
<testcase classname="" name="tests.test_broken"><error message="collection failure"/></testcase>
</testsuite></testsuites>
"""
STEADY = """#!{python}
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if not self.path.startswith("/_x-steady"):
            print(json.dumps({{"type": "request"}}, separators=(",", ":")), flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
port = int(sys.argv[sys.argv.index("-p") + 1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def jest_file(name: str, status: str, *tests: tuple[str, str]) -> dict[str, Any]:
    """Return what Jest writes of one file."""
    told = [{"fullName": full, "status": fate} for full, fate in tests]
    return {"name": name, "status": status, "assertionResults": told}


def test_pytests_results_are_read(tmp_path: Path) -> None:
    """A test that couldn't even be collected has failed."""
    file = tmp_path / "results"
    file.write_text(JUNIT)
    found = read_junit(file)
    assert found == {
        "tests.test_chat.TestChat::test_create[strict]": "passed",
        "tests.test_chat.TestChat::test_create[loose]": "failed",
        "tests.test_chat::test_old": "skipped",
        "::tests.test_broken": "failed",
    }
    assert counts(found) == (1, 2, 1)


def test_jests_results_are_read(tmp_path: Path) -> None:
    """A name that a file has twice is two tests; a file that didn't run is one that failed."""
    file = tmp_path / "results"
    chat = jest_file(
        f"{tmp_path}/tests/chat.test.ts",
        "failed",
        ("resource chat create", "passed"),
        ("resource chat create", "failed"),
        ("resource chat old", "pending"),
    )
    broken = jest_file(f"{tmp_path}/tests/broken.test.ts", "failed")
    file.write_text(json.dumps({"testResults": [chat, broken]}))
    assert read_jest(file, tmp_path) == {
        "tests/chat.test.ts: resource chat create": "passed",
        "tests/chat.test.ts: resource chat create #2": "failed",
        "tests/chat.test.ts: resource chat old": "skipped",
        "tests/broken.test.ts": "failed",
    }


@pytest.mark.parametrize("text", [None, "", "{}", "<testsuites>"])
def test_results_that_were_not_written_are_no_results(tmp_path: Path, text: str | None) -> None:
    """A runner that didn't start must not look like one without failures."""
    file = tmp_path / "results"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UnreadableResults):
        read_junit(file)
    with pytest.raises(UnreadableResults):
        read_jest(file, tmp_path)


def test_only_what_passed_directly_can_be_lost() -> None:
    """What is skipped or gone through the proxy is lost too; what failed anyway isn't."""
    direct = dict.fromkeys(["same", "refused", "skips", "gone"], "passed") | {"broken": "failed"}
    through = {"same": "passed", "refused": "failed", "skips": "skipped", "broken": "failed"}
    assert lost(direct, through) == ["refused", "skips", "gone"]  # type: ignore[arg-type]


def test_a_call_without_a_receipt_is_a_problem() -> None:
    """So is one that has a receipt and never arrived."""
    turn = Turn({"t": "passed"}, 3)
    assert problems({"direct": turn, "boundary": Turn({"t": "passed"}, 3, 3)}) == []
    for receipts in (2, 4):
        [told] = problems({"direct": turn, "boundary": Turn({"t": "passed"}, 3, receipts)})
        assert told.startswith(f"{receipts} receipts for 3 calls")


def test_calls_are_counted_by_their_receipts(tmp_path: Path) -> None:
    """One a call, however many receipts it has; what was denied is told with its code."""
    with recording(tmp_path) as recorder:
        drafts = (request("a"), outcome("a"), request("b", "DENY"), outcome("b", "DENY", "denied"))
        for draft in drafts:
            recorder._writer.commit([draft])
    calls, told = read_receipts(tmp_path)
    assert calls == 2
    assert told == {
        "DENY of the request (ALLOWED by helm.rules.models): POST /v1/chat/completions": 1,
        "DENY of the outcome (): POST /v1/chat/completions": 1,
    }
    assert remarks({"boundary": Turn({}, 2, calls, told)})[0].startswith("1 x DENY")


def test_calls_through_the_boundary_have_receipts_and_arrive(tmp_path: Path) -> None:
    """Under the policy of these runs, operations that nobody knows and admin's among them."""
    with Upstream() as upstream:
        upstream.answer(lambda _: Reply.json({}))
        with open_route("boundary", upstream.port, tmp_path, mode="enforce") as way:
            for path in ("/_stainless_unknown_path", "/organization/users", "/sessions?beta=true"):
                assert requests.get(way.address + path, timeout=10).status_code == 200
        assert way.receipts == len(upstream.requests) == 3
    assert way.remarks == {"unknown operation: GET /_stainless_unknown_path": 1}


def test_the_mock_servers_calls_are_counted(tmp_path: Path) -> None:
    """Not those that ask whether it is there; a port that is taken is said to be."""
    program = tmp_path / "steady"
    program.write_text(STEADY.format(python=sys.executable))
    program.chmod(0o755)
    [port] = free_ports(1)
    with Mock(program, tmp_path / "spec", port, tmp_path) as mock:
        for _ in range(2):
            requests.get(f"http://127.0.0.1:{port}/v1/models", timeout=10)
        second = tmp_path / "second"
        second.mkdir()
        with pytest.raises(MockFailed, match="something else answers"):
            Mock(program, tmp_path / "spec", port, second).__enter__()
    assert mock.calls == 2


def test_a_mock_server_that_ends_says_why(tmp_path: Path) -> None:
    """What it printed is in the error."""
    program = tmp_path / "steady"
    program.write_text("#!/bin/sh\necho no such spec\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(MockFailed, match="no such spec"):
        Mock(program, tmp_path / "spec", free_ports(1)[0], tmp_path).__enter__()


def test_a_checkout_that_is_not_set_up_is_told_what_it_needs(tmp_path: Path) -> None:
    """Each kind."""
    for suite in (openai_python(tmp_path), openai_node(tmp_path)):
        with pytest.raises(NotSetUp, match="the checkout needs"):
            suite.command(tmp_path / "results")
    assert anthropic_python(tmp_path, tmp_path / "spec.yml").spec == tmp_path / "spec.yml"


@pytest.mark.parametrize(
    ("options", "said"),
    [([], "name a checkout"), (["--anthropic", "."], "--anthropic needs --anthropic-spec")],
)
def test_a_run_of_nothing_is_refused(options: list[str], said: str) -> None:
    """Nothing compared must not look like nothing lost."""
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 2
    assert said in done.output
