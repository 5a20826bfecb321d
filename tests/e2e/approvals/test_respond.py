"""An escalated call is answered at once; a person's grant lets the next identical one pass."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest

from support.approvals import (
    TOOLS,
    Answer,
    approvals,
    ask,
    body,
    grant,
    records,
    said,
    until,
    write_policy,
)
from support.boundary import Boundary
from support.chat import ToolCall, Turn, reply_to_chat
from support.upstream import Upstream


def calls_a_tool(upstream: Upstream, arguments: str = '{"path": "/srv/a"}') -> None:
    """Let the model call the tool with these arguments."""
    turn = Turn("", (ToolCall("remove", arguments),))
    upstream.answer(lambda request: reply_to_chat(request, turn))


def test_a_granted_call_passes_once_whatever_its_white_space(
    boundary: Boundary, upstream: Upstream
) -> None:
    """403 with an id, then a grant, then one 200; each step is a receipt that says who."""
    value = body("please, once")
    before = len(said(boundary))
    refused = ask(boundary, value)
    assert (refused.status, refused.headers["x-should-retry"]) == (403, "false")
    assert refused.helm["verdict"] == "ESCALATE"
    assert refused.helm["approval"]["expires_at"].endswith("Z")
    assert ask(boundary, value).approval == refused.approval
    assert upstream.requests == []
    grant(boundary, refused.approval)
    spaced = json.dumps(dict(reversed(value.items())), indent=3).encode()
    assert ask(boundary, spaced).status == 200
    assert ask(boundary, value).status == 403
    assert len(upstream.requests) == 1
    assert said(boundary)[before:] == ["requested", "granted", "used", "requested"]
    used = records(boundary, "approval")[-2].predicate["approval"]
    assert used["id"] == refused.approval
    assert used["by"].endswith("(command line)")
    assert used["requestReceipt"] == refused.helm["receipt_id"]
    passed = [r for r in records(boundary, "request") if r.predicate["verdict"] == "ALLOW"]
    assert passed[-1].predicate["approval"] == used


@pytest.mark.parametrize(
    "near",
    [
        body("please, near!"),
        body("please, near", temperature=0.5),
        body("please, near", stream=True),
        {**body("please, near"), "model": "gpt-4o-mini"},
    ],
    ids=["text", "parameter", "stream", "model"],
)
def test_a_grant_is_for_exactly_one_call(
    boundary: Boundary, upstream: Upstream, near: dict[str, object]
) -> None:
    """One changed argument makes it another call, which needs a grant of its own."""
    approvals(boundary, "approve", "--yes", ask(boundary, body("please, near")).approval)
    upstream.requests.clear()
    assert b"ESCALATE" in ask(boundary, near).body
    assert upstream.requests == []
    assert ask(boundary, body("please, near")).status == 200


def test_a_grant_is_for_one_caller(boundary: Boundary, upstream: Upstream) -> None:
    """Another API key has no use for it; the one it was given to still has."""
    value = body("please, mine")
    grant(boundary, ask(boundary, value, key="ada").approval)
    assert ask(boundary, value, key="eve").status == 403
    assert upstream.requests == []
    assert ask(boundary, value, key="ada").status == 200


def test_a_path_is_part_of_the_call(boundary: Boundary, upstream: Upstream) -> None:
    """What is granted under one path isn't granted under another that means the same operation."""
    value = body("please, here")
    grant(boundary, ask(boundary, value).approval)
    elsewhere = ask(boundary, value, path="/other/v1/chat/completions")
    assert elsewhere.status == 403
    assert upstream.requests == []


def test_approving_twice_is_refused(boundary: Boundary, upstream: Upstream) -> None:
    """The second approval says so and adds no second use."""
    value = body("please, twice")
    identity = ask(boundary, value).approval
    grant(boundary, identity)
    again = approvals(boundary, "approve", "--yes", identity)
    assert again.exit_code == 1
    assert "already granted" in again.output
    assert [ask(boundary, value).status for _ in range(3)] == [200, 403, 403]
    assert approvals(boundary, "approve", "--yes", identity).exit_code == 1
    assert len(upstream.requests) == 1


def test_a_deny_beats_a_grant(boundary: Boundary, upstream: Upstream) -> None:
    """Policy sees the grant in `context.approval`, and its DENY stands; the grant isn't used up."""
    value = body("please, a trap")
    identity = ask(boundary, value).approval
    grant(boundary, identity)
    denied = ask(boundary, value)
    assert (denied.status, denied.helm["verdict"]) == (403, "DENY")
    assert upstream.requests == []
    shown = json.loads(approvals(boundary, "show", "--json", identity).output)
    assert shown["status"] == "granted"


def test_a_denied_call_has_no_approval(boundary: Boundary, upstream: Upstream) -> None:
    """Where a rule denies and another escalates, there is no approval to be had."""
    denied = ask(boundary, body("please, the forbidden"))
    assert denied.helm["verdict"] == "DENY"
    assert "approval" not in denied.helm
    assert upstream.requests == []


def test_a_refused_call_is_not_asked_about_again(boundary: Boundary, upstream: Upstream) -> None:
    """After a no, the same call isn't put before the person again."""
    value = body("please, no")
    identity = ask(boundary, value).approval
    assert approvals(boundary, "deny", "--yes", identity).exit_code == 0
    denied = ask(boundary, value)
    assert (denied.helm["verdict"], denied.codes) == ("DENY", ["APPROVAL_REFUSED"])
    assert upstream.requests == []
    assert approvals(boundary, "approve", "--yes", identity).exit_code == 1


def test_only_one_of_racing_identical_calls_passes(boundary: Boundary, upstream: Upstream) -> None:
    """Twelve at once on one grant: one 200, eleven 403."""
    value = body("please, a race")
    grant(boundary, ask(boundary, value).approval)
    with ThreadPoolExecutor(12) as clients:
        found = sorted(a.status for a in clients.map(lambda _: ask(boundary, value), range(12)))
    assert found == [200] + [403] * 11
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_tool_call_can_be_granted(boundary: Boundary, upstream: Upstream, stream: bool) -> None:
    """The answer's tool call is refused with an id; granted, the next identical call brings it."""
    calls_a_tool(upstream, json.dumps({"path": f"/srv/a, stream {stream}"}))
    value = body(f"clean up, stream {stream}", tools=TOOLS, stream=stream)
    refused = ask(boundary, value)
    assert refused.helm["verdict"] == "ESCALATE"
    assert b"/srv/a" not in refused.body
    shown = approvals(boundary, "show", refused.approval).output
    assert "remove" in shown
    assert "/srv/a" in shown
    grant(boundary, refused.approval)
    passed = ask(boundary, value)
    assert passed.status == 200
    assert b"/srv/" in passed.body
    assert b'"helm"' not in passed.body
    assert b'"helm"' in ask(boundary, value).body


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_grant_of_a_tool_call_fits_whatever_was_asked(
    boundary: Boundary, upstream: Upstream, stream: bool
) -> None:
    """No two requests of an agent are the same; the caller and the call are. It is used once."""
    calls_a_tool(upstream, json.dumps({"path": f"/srv/fits, stream {stream}"}))

    def asked(words: str, key: str = "ada") -> Answer:
        value = body(f"clean up, stream {stream}, {words}", tools=TOOLS, stream=stream)
        return ask(boundary, value, key=key)

    first = asked("session 1").approval
    assert asked("session 2").approval == first  # one question for both
    grant(boundary, first)
    assert b'"helm"' in asked("session 3", key="bob").body
    assert b"/srv/" in asked("session 4").body
    uses = [each for each in records(boundary, "approval") if each.predicate["approval"]["id"]]
    assert uses[-1].predicate["event"]["kind"] == "used"
    again = asked("session 5")
    assert again.helm["verdict"] == "ESCALATE"
    assert again.approval != first


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_refused_tool_call_is_refused_whatever_was_asked(
    boundary: Boundary, upstream: Upstream, stream: bool
) -> None:
    """Until the question's time has run out."""
    calls_a_tool(upstream, json.dumps({"path": f"/refused, stream {stream}"}))
    value = body(f"refuse it, stream {stream}", tools=TOOLS, stream=stream)
    identity = ask(boundary, value).approval
    assert approvals(boundary, "deny", "--yes", identity).exit_code == 0
    other = ask(boundary, body(f"once more, stream {stream}", tools=TOOLS, stream=stream))
    assert other.codes == ["APPROVAL_REFUSED"]


def test_a_grant_may_be_good_for_a_time(boundary: Boundary, upstream: Upstream) -> None:
    """However often it is used; each use has its receipt."""
    calls_a_tool(upstream, '{"path": "/srv/again"}')
    identity = ask(boundary, body("clean it up", tools=TOOLS)).approval
    assert approvals(boundary, "approve", "--yes", "--for", "2d", identity).exit_code == 2
    result = approvals(boundary, "approve", "--yes", "--for", "8h", identity)
    assert "calls like it pass in the next 2" in result.output
    for number in range(3):
        assert b"/srv/again" in ask(boundary, body(f"again {number}", tools=TOOLS)).body
    found = [each.predicate["event"] for each in records(boundary, "approval")]
    mine = [each["kind"] for each in found if each["approvalId"] == identity]
    assert mine == ["requested", "granted", "used", "used", "used"]
    assert "granted" in approvals(boundary, "show", identity).output


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_grant_covers_the_tool_call_that_was_shown(
    boundary: Boundary, upstream: Upstream, stream: bool
) -> None:
    """The model answers otherwise the second time: that is another question."""
    calls_a_tool(upstream, json.dumps({"path": f"/srv/a, stream {stream}"}))
    value = body(f"clean up other things, stream {stream}", tools=TOOLS, stream=stream)
    first = ask(boundary, value).approval
    grant(boundary, first)
    calls_a_tool(upstream, json.dumps({"path": f"/, stream {stream}"}))
    second = ask(boundary, value)
    assert second.helm["verdict"] == "ESCALATE"
    assert second.approval != first


def test_a_request_and_its_answer_may_each_need_an_approval(
    boundary: Boundary, upstream: Upstream
) -> None:
    """Two questions, one after the other; the second grant holds for both."""
    calls_a_tool(upstream)
    value = body("please, clean up", tools=TOOLS)
    first = ask(boundary, value)
    grant(boundary, first.approval)
    second = ask(boundary, value)
    assert second.approval != first.approval
    grant(boundary, second.approval)
    assert ask(boundary, value).status == 200
    assert len(upstream.requests) == 2


def test_a_person_sees_the_call_without_its_secrets(boundary: Boundary) -> None:
    """What detectors find is cut out of what is shown and kept, and terminals aren't steered."""
    value = body("please mail ada@example.org \x1b[2J now")
    identity = ask(boundary, value).approval
    shown = approvals(boundary, "show", identity).output
    assert "please mail [personal.email]" in shown
    assert "\x1b" not in shown
    kept = (boundary.state / "approvals" / f"{identity}.request").read_bytes()
    assert b"ada@example.org" not in kept


def test_the_command_line_lists_and_asks_for_confirmation(boundary: Boundary) -> None:
    """`list` names what waits; without a terminal, deciding wants --yes."""
    identity = ask(boundary, body("please, list me")).approval
    rows = approvals(boundary, "list").output
    heading, *lines = rows.splitlines()
    assert heading.split() == ["ID", "STATUS", "LEFT", "MODEL", "WHO", "RULES", "WHAT"]
    (line,) = [line for line in lines if line.startswith(identity)]
    assert line.index("ask.person") == heading.index("RULES")
    asked = approvals(boundary, "approve", identity)
    assert asked.exit_code == 2
    assert "--yes" in asked.output
    assert approvals(boundary, "show", "apr_0000000000000000").exit_code == 1
    assert approvals(boundary, "show", "nonsense").exit_code == 2


def test_an_escalation_is_answered_even_when_denials_close_the_connection(
    upstream: Upstream, tmp_path: Path
) -> None:
    """helm_on_deny=kill closes on a DENY; an escalation's approval id must reach the client."""
    policy = write_policy(tmp_path / "policy")
    options = {"helm_on_deny": "kill"}
    with Boundary(upstream, state=tmp_path, policy=policy, options=options) as boundary:
        with pytest.raises((OSError, HTTPException)):
            ask(boundary, body("the forbidden"))
        asked = ask(boundary, body("please"))
        assert asked.status == 403
        grant(boundary, asked.approval)
        assert ask(boundary, body("please")).status == 200


def test_approvals_and_grants_expire(upstream: Upstream, tmp_path: Path) -> None:
    """After `expires_at` nothing can be approved, what was granted is void, and receipts say so."""
    policy = write_policy(tmp_path / "policy")
    options = {"helm_hold_seconds": 3}
    with Boundary(upstream, state=tmp_path, policy=policy, options=options) as boundary:
        asked, granted = (ask(boundary, body(f"please, {word}")) for word in ("late", "unused"))
        grant(boundary, granted.approval)
        until(lambda: said(boundary).count("expired") == 2 or None)
        late = approvals(boundary, "approve", "--yes", asked.approval)
        assert (late.exit_code, "expired" in late.output) == (1, True)
        assert ask(boundary, body("please, unused")).status == 403
        assert upstream.requests == []


def test_a_grant_outlives_a_restart_but_not_a_policy(upstream: Upstream, tmp_path: Path) -> None:
    """The same policy finds its grant again; another one doesn't."""
    policy = write_policy(tmp_path / "policy")
    value, other = body("please, later"), body("please, under another policy")
    running = Boundary(upstream, state=tmp_path, policy=policy)
    with running as boundary:
        for each in (value, other):
            grant(boundary, ask(boundary, each).approval)
        boundary.restart()
        assert ask(boundary, value).status == 200
        write_policy(policy, "# another policy\n")
        boundary.restart()
        assert ask(boundary, other).status == 403
        assert len(upstream.requests) == 1


def test_two_processes_share_one_grant(upstream: Upstream, tmp_path: Path) -> None:
    """Asked at one, granted once, raced for at both: one call passes."""
    policy = write_policy(tmp_path / "policy")
    value = body("please, shared")
    first = Boundary(upstream, state=tmp_path, policy=policy)
    second = Boundary(upstream, state=tmp_path, policy=policy, confdir=tmp_path / "second")
    with first, second:
        grant(first, ask(first, value).approval)
        with ThreadPoolExecutor(8) as clients:
            both = [first, second] * 4
            found = sorted(a.status for a in clients.map(lambda each: ask(each, value), both))
        assert found == [200] + [403] * 7
        assert len(upstream.requests) == 1


def test_a_grant_that_has_come_too_late_is_told(tmp_path: Path, upstream: Upstream) -> None:
    """The policy that asked isn't in force any more at any boundary there, so nothing passes."""
    state = tmp_path / "state"
    values = [body(f"please, and then the policy changes {name}") for name in "ab"]
    with Boundary(upstream, state=state, policy=write_policy(tmp_path / "policy")) as before:
        first, second = (ask(before, value).approval for value in values)
    told = approvals(before, "approve", "--yes", first).output
    assert "passes once" in told  # none runs, and the next may have the same policy
    changed = write_policy(tmp_path / "policy", "\ndeny contains {} if false\n")
    with Boundary(upstream, state=state, policy=changed) as now:
        told = approvals(now, "approve", "--yes", second).output
        assert "nothing passes by it: the policy has changed" in told
        assert [ask(now, value).status for value in values] == [403, 403]
        asked = ask(now, body("please, under the policy in force"))
        assert "passes once" in approvals(now, "approve", "--yes", asked.approval).output
    assert upstream.requests == []
