"""Bedrock's Converse API: requests, whole answers and streams in frames."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.calls.call import Answer, Usage
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects import dialect
from helm_boundary.policy.decision import ALLOW, DENY, Decision, Reason
from helm_boundary.streaming.frame_cutter import FrameCutter
from helm_boundary.streaming.gate import Gate
from support.frames import chunk, converse, event, frame
from support.gates import Drive

NO = Reason("POLICY_VIOLATION", "test", "no", "ungranted")
PICTURE = base64.b64encode(bytes(range(256)) * 4).decode()
OSLO = ("look", {"city": "Oslo"})


def run(
    chunks: Sequence[bytes], name: str = "bedrock"
) -> tuple[bytes, Answer, list[tuple[str, Any]], str]:
    """Say what leaves the gate, what was said, which calls were judged, and why it shut."""
    judged: list[tuple[str, Any]] = []

    def judge(answer: Answer) -> Decision:
        judged.extend((call.name, call.arguments) for call in answer.tool_calls)
        denied = any(call.name == "wipe" for call in answer.tool_calls)
        return Decision(DENY if denied else ALLOW, (NO,))

    stream = dialect(name).open_stream(200)
    assert stream is not None
    gate = Gate(stream, FrameCutter())
    out = Drive(gate, judge, lambda _: b"<error>").run(chunks)
    why = gate.stopped.message if isinstance(gate.stopped, Refusal) else ""
    return out, gate.stream.answer(), judged, why


def test_a_stream_is_judged_and_passes_as_it_came() -> None:
    """Its text, its call, why it stopped and what it cost."""
    out, answer, judged, why = run(converse())
    assert (out, judged, why) == (b"".join(converse()), [OSLO], "")
    assert "Hi" in [text.text for text in answer.texts]
    assert (answer.finish_reasons, answer.usage) == (("tool_use",), Usage(5, 2))
    assert answer.complete


@given(st.lists(st.integers(1, 900), max_size=9))
def test_chunks_make_no_difference(cuts: list[int]) -> None:
    """Frames are the same, wherever they are cut."""
    whole, at, pieces = b"".join(converse()), 0, []
    for cut in cuts:
        pieces.append(whole[at : at + cut])
        at += cut
    assert run([*filter(None, pieces), whole[at:]])[:3] == run([whole])[:3]


def test_nothing_of_a_denied_call_leaves() -> None:
    """Its text has left before."""
    out, _, judged, _ = run(converse("wipe"))
    assert out == b"".join(converse()[:4]) + b"<error>"
    assert judged == [("wipe", {"city": "Oslo"})]


def test_another_apis_events_come_in_frames_too() -> None:
    """Anthropic's, of InvokeModelWithResponseStream."""
    block = {"type": "tool_use", "id": "t", "name": "look", "input": {}}
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"role": "assistant", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0,
         "delta": {"type": "input_json_delta", "partial_json": '{"city": "Oslo"}'}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 5}},
    ]  # fmt: skip
    stream = [chunk(each) for each in told]
    out, answer, judged, why = run(stream, "messages")
    assert (out, judged, why) == (b"".join(stream), [OSLO], "")
    assert answer.complete


def test_an_exception_is_no_end() -> None:
    """It passes, and the answer isn't complete."""
    broken = frame(b'{"message": "too many"}', exception_type="throttlingException",
                   content_type="application/json", message_type="exception")  # fmt: skip
    stream = [*converse()[:3], broken]
    out, answer, _, why = run(stream)
    assert (out, why) == (b"".join(stream), "")
    assert not answer.complete
    assert "too many" in [text.text for text in answer.texts]


GOOD = converse()[1]
TWICE = {"event_type": "messageStart", "message_type": "event"}
BROKEN: dict[str, bytes] = {
    "a wrong sum": GOOD[:-1] + bytes([GOOD[-1] ^ 1]),
    "a wrong sum of its beginning": bytes([GOOD[0] ^ 1]) + GOOD[1:],
    "a changed payload": GOOD.replace(b'"H"', b'"X"'),
    "no type": frame(b"{}", message_type="event"),
    "no kind of message": frame(b"{}", event_type="messageStart"),
    "a payload that is no JSON": frame(b"{", **TWICE),
    "a wrapped event that is no base64": event("chunk", {"bytes": "?"}),
    "something beside a wrapped event": event("chunk", {"bytes": "e30=", "toolUse": {}}),
    "half a frame": GOOD[:-5],
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_frame_that_clients_read_otherwise_ends_the_stream(case: str) -> None:
    """Nothing of it leaves."""
    out, _, judged, why = run([converse()[0], BROKEN[case]])
    assert out == converse()[0] + b"<error>"
    assert judged == []
    assert why


def test_a_header_twice_ends_the_stream() -> None:
    """One client takes the last, another refuses both."""
    assert run([frame(b"{}", **TWICE)])[3] == ""
    twice = frame(b"{}", ("event_type", "messageStop"), **TWICE)
    assert "can't be read" in run([twice])[3]


USE = {"toolUseId": "t1", "name": "wipe", "input": {}}
STRAY: dict[str, bytes] = {
    "beside a delta": event("contentBlockDelta", {"contentBlockIndex": 0, "toolUse": USE,
                                                  "delta": {"text": "x"}}),
    "within a text": event("contentBlockDelta", {"contentBlockIndex": 0,
                                                 "delta": {"text": {"toolUse": USE}}}),
    "in an unknown event": event("other", {"x": {"toolUse": USE}}),
    "input without a start": event("contentBlockDelta", {"contentBlockIndex": 0,
                                                         "delta": {"toolUse": {"input": "{}"}}}),
    "a start without a name": event("contentBlockStart", {"contentBlockIndex": 1, "start": {
        "toolUse": {"toolUseId": "t"}}}) + event("contentBlockStop", {"contentBlockIndex": 1}),
    "as something else by its type": event("contentBlockStart", {
        "contentBlockIndex": 1, "start": {"toolUse": {**USE, "type": "web_tool_result"}}})
        + event("contentBlockStop", {"contentBlockIndex": 1}),
    "as something else by what stands beside it": event("contentBlockStart", {
        "contentBlockIndex": 1, "start": {"toolUse": USE, "type": "web_tool_result"}})
        + event("contentBlockStop", {"contentBlockIndex": 1}),
    "as a text by what stands beside it": event("contentBlockDelta", {
        "contentBlockIndex": 0,
        "delta": {"toolUse": {"input": '{"wipe": 1}'}, "type": "text_delta"}}),
    "in other letters": event("contentBlockStart", {"contentBlockIndex": 1, "start": {
        "tooluse": USE}}),
}  # fmt: skip


@pytest.mark.parametrize("case", STRAY)
def test_a_call_out_of_place_ends_the_stream(case: str) -> None:
    """Some reader might make it."""
    out, _, judged, why = run([STRAY[case], converse()[-2]])
    assert out == b"<error>"
    assert why or judged == [("wipe", {})]


ASKED: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": [
            {"text": "what?"}, {"image": {"format": "png", "source": {"bytes": PICTURE}}}]},
        {"role": "assistant", "content": [{"toolUse": {**USE, "name": "look"}}]},
        {"role": "user", "content": [{"toolResult": {
            "toolUseId": "t1", "content": [{"text": "do as I say"}, {"json": {"a": "b"}}]}}]},
    ],
    "system": [{"text": "be brief"}],
    "inferenceConfig": {"maxTokens": 9},
    "toolConfig": {"tools": [
        {"toolSpec": {"name": "look", "description": "Looks.",
                      "inputSchema": {"json": {"type": "object"}}}},
        {"systemTool": {"name": "nova_grounding"}},
        {"cachePoint": {"type": "default"}},
    ]},
}  # fmt: skip


def test_a_request_is_read_with_its_roles() -> None:
    """What a tool gave back is the tool's."""
    call = dialect("bedrock").read_request(ASKED)
    assert [(m.role, m.text) for m in call.messages] == [
        ("system", "be brief"), ("user", "what?"), ("assistant", ""), ("tool", "do as I say\nb"),
    ]  # fmt: skip
    said = {(text.role, text.text) for text in call.texts}
    assert {("user", "what?"), ("tool", "do as I say"), ("system", "be brief")} <= said
    assert PICTURE not in {text.text for text in call.texts}
    assert [each.pointer for each in call.attachments] == [
        "/messages/0/content/1/image/source/bytes"
    ]
    assert [(tool.type, tool.name) for tool in call.tools] == [
        ("function", "look"), ("hosted", "nova_grounding"),
    ]  # fmt: skip
    assert [c.name for m in call.messages for c in m.tool_calls] == ["look"]
    assert call.parameters == {"max_output_tokens": 9}


def whole(*content: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Build a whole answer."""
    message = {"role": "assistant", "content": list(content)}
    return {"output": {"message": message}, "stopReason": "tool_use",
            "usage": {"inputTokens": 5, "outputTokens": 2}, **more}  # fmt: skip


def test_a_whole_answer_is_read() -> None:
    """Its text, its call and what it cost."""
    use = {"toolUse": {"toolUseId": "t", "name": "look", "input": {"city": "Oslo"}}}
    answer = dialect("bedrock").read_response(200, whole({"text": "Hi"}, use))
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [OSLO]
    said = {text.pointer: text.text for text in answer.texts}
    assert said["/output/message/content/0/text"] == "Hi"
    assert (answer.finish_reasons, answer.usage) == (("tool_use",), Usage(5, 2))


@pytest.mark.parametrize(
    "body",
    [
        whole(toolUse=USE),
        whole({"guardContent": {"toolUse": USE}}),
        whole({"text": "a"}, output={"message": {"content": []}, "toolUse": USE}),
        whole({"toolUse": {"input": {}}}),
        [],
    ],
    ids=json.dumps,
)
def test_an_answer_in_which_a_call_could_hide_is_refused(body: Any) -> None:
    """A call is a block of the message, and nothing else."""
    with pytest.raises(Refusal):
        dialect("bedrock").read_response(200, body)
