"""Grants that fit agents: for a session, for good, and whatever is volatile in a request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.approvals import (
    TOOLS,
    Answer,
    Asking,
    approvals,
    ask,
    body,
    grant,
    mitmweb,
    pending,
    records,
    said,
    until,
    write_policy,
)
from support.boundary import Boundary
from support.chat import ToolCall, Turn, reply_to_chat
from support.sampling import every
from support.upstream import Upstream

CALLING = Turn("", (ToolCall("remove", '{"path": "/srv/a"}'),))


def turn(text: str, session: str = "", **more: Any) -> dict[str, Any]:
    """Return a request of a session."""
    named = {"prompt_cache_key": session} if session else {}
    return body(text, tools=TOOLS, **named, **more)


def calls_a_tool(upstream: Upstream) -> None:
    """Let the model call the tool."""
    upstream.answer(lambda request: reply_to_chat(request, CALLING))


def approve(boundary: Boundary, *options: str, of: Answer) -> str:
    """Approve as an operator does; return what the command said."""
    result = approvals(boundary, "approve", "--yes", *options, of.approval)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_grant_for_a_session_passes_its_tool_calls(
    boundary: Boundary, upstream: Upstream
) -> None:
    """However often, whatever was asked; not those of another session, another caller, or none."""
    calls_a_tool(upstream)
    refused = ask(boundary, turn("first", "s1"))
    assert "in its session" in approve(boundary, "--session", of=refused)
    for text in ("second", "third"):
        assert ask(boundary, turn(text, "s1")).status == 200
    assert ask(boundary, turn("fourth", "s2")).status == 403
    assert ask(boundary, turn("fifth")).status == 403
    assert ask(boundary, turn("sixth", "s1"), key="eve").status == 403
    granted = [r.predicate for r in records(boundary, "approval")]
    mine = [each for each in granted if each["approval"]["id"] == refused.approval]
    assert [each["event"]["kind"] for each in mine] == ["requested", "granted", "used", "used"]
    assert mine[1]["event"]["goodFor"] == "session"
    assert "s1" not in json.dumps(mine), "a receipt has what a client calls its session"


def test_what_names_no_session_is_not_granted_for_one(
    boundary: Boundary, upstream: Upstream
) -> None:
    """The command says what would do; the question still waits."""
    calls_a_tool(upstream)
    refused = ask(boundary, turn("no session"))
    result = approvals(boundary, "approve", "--yes", "--session", refused.approval)
    assert (result.exit_code, "--for 1h" in result.output) == (1, True), result.output
    assert "once" in approve(boundary, of=refused)


def test_options_of_a_grant_exclude_each_other(boundary: Boundary) -> None:
    """Nobody knows what is meant by two."""
    result = approvals(boundary, "approve", "--session", "--for", "1h", "apr_0123456789abcdef")
    assert (result.exit_code, "can't be combined" in result.output) == (2, True)


def test_always_prints_the_setting_that_does_it(tmp_path: Path, upstream: Upstream) -> None:
    """Added to the policy, it lets the same call pass in any session."""
    calls_a_tool(upstream)
    policy = write_policy(tmp_path / "policy")
    with Boundary(upstream, state=tmp_path, policy=policy) as boundary:
        told = approve(boundary, "--always", of=ask(boundary, turn("first", "s1")))
        assert ask(boundary, turn("second", "s1")).status == 200
        assert ask(boundary, turn("third", "s2")).status == 403
        (line,) = told.split("For good, add to data.yaml:\n")[1].splitlines()
        assert list(yaml.safe_load(line)) == ["principals"]
        (policy / "data.yaml").write_text(line)
        until(lambda: ask(boundary, turn("fourth", "s2")).status == 200 or None)
        assert ask(boundary, turn("fifth", "s3"), key="eve").status == 403


def test_a_request_fits_whatever_is_volatile_in_it(boundary: Boundary, upstream: Upstream) -> None:
    """The receipts name what differed; the provider gets what the client sent."""
    refused = ask(boundary, turn("please", "s1", metadata={"user_id": "a"}))
    approve(boundary, of=refused)
    again = turn("please", "s2", metadata={"user_id": "b"})
    assert ask(boundary, {**again, "temperature": 0.1}).status == 403
    assert ask(boundary, again).status == 200
    assert upstream.requests[-1].json() == again
    mine = [
        each.predicate["event"]
        for each in records(boundary, "approval")
        if each.predicate["approval"]["id"] == refused.approval
    ]
    assert [each["kind"] for each in mine] == ["requested", "granted", "used"]
    assert {each["volatile"] for each in mine} == {"/metadata/user_id /prompt_cache_key"}


@pytest.mark.parametrize(
    "member",
    every(
        2,
        ["{pointer: /messages}", "{pointer: /tools/0}",
         "{pointer: /messages/0/content, pattern: '.*'}", "{pointer: /model}"],
    ),
)  # fmt: skip
def test_what_is_asked_for_cannot_be_volatile(
    tmp_path: Path, upstream: Upstream, member: str
) -> None:
    """A boundary with such a policy keeps the one that it has, and says where and why."""
    policy = write_policy(tmp_path / "policy")
    (policy / "data.yaml").write_text("hours: null\n")
    with Boundary(upstream, state=tmp_path, policy=policy) as boundary:
        refused = ask(boundary, body("please, one"))
        (policy / "data.yaml").write_text(f"approvals:\n  volatile:\n    - {member}\n")
        until(lambda: "data.yaml:3: data.approvals.volatile.0" in boundary.log or None)
        assert "pattern" in boundary.log
        grant(boundary, refused.approval)
        assert ask(boundary, body("please, two")).status == 403
        assert ask(boundary, body("please, one")).status == 200


def test_a_changed_policy_has_its_own_volatile_members(tmp_path: Path, upstream: Upstream) -> None:
    """It is read aside, and they come along."""
    policy = write_policy(tmp_path / "policy")
    (policy / "data.yaml").write_text("{}")
    with Boundary(upstream, state=tmp_path, policy=policy) as boundary:
        first = ask(boundary, body("please", seed=1))
        (policy / "data.yaml").write_text("{approvals: {volatile: [{pointer: /seed}]}}")
        second = until(lambda: _other(boundary, first))
        grant(boundary, second.approval)
        assert ask(boundary, body("please", seed=2)).status == 200
        assert said(boundary)[-1] == "used"


def _other(boundary: Boundary, first: Answer) -> Answer | None:
    """Ask once more; return the answer of another policy."""
    again = ask(boundary, body("please", seed=1))
    is_other = again.headers["x-helm-policy-digest"] != first.headers["x-helm-policy-digest"]
    return again if is_other else None


def test_a_command_of_mitmproxys_takes_a_second_word(tmp_path: Path, upstream: Upstream) -> None:
    """How far the grant goes; another word is refused, and nothing is decided."""
    calls_a_tool(upstream)
    with mitmweb(tmp_path, upstream) as (boundary, web):
        waiting = Asking(boundary, turn("first", "s1"))
        (entry,) = pending(boundary)
        assert web.command("helm.approve", entry.id, "ever") == "Invalid choice."
        told = web.command("helm.approve", entry.id, "always")
        assert f"{entry.id} is granted For good, add to data.yaml: principals: {{" in told
        assert waiting.result().status == 200
        assert ask(boundary, turn("second", "s1")).status == 200
        assert web.command("helm.extents") == ["once", "session", "hour", "always"]
        assert said(boundary) == ["requested", "granted", "used", "used"]
