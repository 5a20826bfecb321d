"""A session's events flow as they come, and a tool call among them waits for its verdict."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_boundary.calls.call import Answer
from helm_boundary.dialects import dialect
from helm_boundary.policy.decision import ALLOW, DENY, Decision, Reason
from support.gates import Drive, open_gate

NO = Reason("POLICY_VIOLATION", "test", "no", "ungranted")
RUNNING = {"type": "session.status_running", "id": "e1", "processed_at": "2026-01-01T00:00:00Z"}
SAYS = {"type": "agent.message", "id": "e2", "content": [{"type": "text", "text": "Looking."}]}
IDLE = {"type": "session.status_idle", "id": "e4", "stop_reason": {"type": "end_turn"}}


def calls(name: str, kind: str = "agent.custom_tool_use") -> dict[str, Any]:
    """Build the event of a tool call."""
    return {"type": kind, "id": "e3", "name": name, "input": {"city": "Oslo"}}


def stream(*events: dict[str, Any]) -> bytes:
    """Write events as the API does, each under its name."""
    return b"".join(
        f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events
    )


def run(body: bytes, step: int) -> tuple[bytes, Answer, list[tuple[str, Any]]]:
    """Say what leaves the gate, what was said, and which calls were judged."""
    judged: list[tuple[str, Any]] = []

    def judge(answer: Answer) -> Decision:
        judged.extend((call.name, call.arguments) for call in answer.tool_calls)
        denied = any(call.name == "wipe" for call in answer.tool_calls)
        return Decision(DENY if denied else ALLOW, (NO,))

    gate = open_gate("session_events")
    chunks = [body[at : at + step] for at in range(0, len(body), step)]
    return Drive(gate, judge, lambda _: b"<error>").run(chunks), gate.stream.answer(), judged


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize("kind", ["custom", "mcp", ""])
def test_an_allowed_session_leaves_byte_for_byte(step: int, kind: str) -> None:
    """Whoever runs its tools, each call is judged once; its words are texts."""
    event = calls("look", f"agent.{kind}_tool_use" if kind else "agent.tool_use")
    body = stream(RUNNING, SAYS, event, IDLE)
    out, answer, judged = run(body, step)
    assert out == body
    assert judged == [("look", {"city": "Oslo"})]
    assert "Looking." in [text.text for text in answer.texts]


@pytest.mark.parametrize("step", [1, 10_000])
def test_a_denied_call_doesnt_leave(step: int) -> None:
    """What came before it has."""
    before = stream(RUNNING, SAYS)
    out, _, judged = run(before + stream(calls("wipe"), IDLE), step)
    assert out == before + b"<error>"
    assert judged == [("wipe", {"city": "Oslo"})]


def test_a_call_in_pieces_is_no_event_of_a_session() -> None:
    """Whose call it is nobody has told, so that nothing of it leaves."""
    piece = {"type": "input_json_delta", "partial_json": '{"city"'}
    out, _, _ = run(stream(RUNNING, piece), 10_000)
    assert out == stream(RUNNING) + b"<error>"


@pytest.mark.parametrize(
    ("event", "names"),
    [
        ({**calls("pay", "agent.mcp_tool_use"), "mcp_server_name": "bank"}, ["mcp.bank.pay"]),
        ({**calls("pay", "agent.mcp_tool_use"), "mcp_server_name": None}, ["pay"]),
        ({**calls("pay"), "mcp_server_name": "bank"}, ["pay"]),
        (
            {"type": "agent.session.requires_action", "request": {"type": "mcp_tool_call",
             "name": "pay", "server_label": "bank", "arguments": {"city": "Oslo"}}},
            ["mcp.bank.pay"],
        ),
    ],
)  # fmt: skip
def test_an_mcp_servers_tool_has_its_servers_name(event: dict[str, Any], names: list[str]) -> None:
    """As in other APIs; a function is no server's, whatever stands beside it."""
    _, _, judged = run(stream(event), 10_000)
    assert judged == [(name, {"city": "Oslo"}) for name in names]
    whole = dialect("session_events").read_response(200, {"data": [event]})
    assert [call.name for call in whole.tool_calls] == names
