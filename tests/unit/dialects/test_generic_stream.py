"""Streams in whatever shape: text flows, calls wait until their arguments are closed."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from helm_boundary.calls.call import Answer, Usage
from helm_boundary.dialects import dialect
from helm_boundary.dialects.generic_stream import GenericStream
from helm_boundary.dialects.loose import LooseStream
from helm_boundary.policy.decision import ALLOW, DENY, Decision, Reason
from helm_boundary.streaming.gate import Gate
from helm_boundary.streaming.sse import EventCutter
from support.gates import Drive

NO = Reason("POLICY_VIOLATION", "test", "no", "ungranted")
WIPE, LOOK = ("wipe", {"path": "/"}), ("look", {"city": "Oslo"})


def events(*values: dict[str, Any] | str) -> list[bytes]:
    """Build a stream of events without names."""
    texts = (value if isinstance(value, str) else json.dumps(value) for value in values)
    return [f"data: {text}\n\n".encode() for text in texts]


def run(
    chunks: list[bytes], stream: GenericStream | None = None
) -> tuple[bytes, list[tuple[str, Any]], Answer]:
    """Say what leaves the gate, which calls were judged, and all that was said."""
    judged: list[tuple[str, Any]] = []

    def judge(answer: Answer) -> Decision:
        judged.extend((call.name, call.arguments) for call in answer.tool_calls)
        denied = any(call.name == "wipe" for call in answer.tool_calls)
        return Decision(DENY if denied else ALLOW, (NO,))

    gate = Gate(stream or GenericStream(200), EventCutter(1 << 20))
    return Drive(gate, judge, lambda _: b"<error>").run(chunks), judged, gate.stream.answer()


def mistral(name: str, arguments: dict[str, Any]) -> list[bytes]:
    """Mistral's conversation, whose function is called in pieces."""
    words = json.dumps(arguments)
    call = {"type": "function.call.delta", "id": "fc_1", "tool_call_id": "c1", "output_index": 1}
    return events(
        {"type": "conversation.response.started", "conversation_id": "conv_1"},
        {"type": "message.output.delta", "id": "m", "role": "assistant", "content": "H"},
        {"type": "message.output.delta", "id": "m", "role": "assistant", "content": "i"},
        *({**call, "name": name, "arguments": piece} for piece in (words[:4], words[4:])),
        {"type": "conversation.response.done",
         "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}},
    )  # fmt: skip


def dashscope(pieces: list[str], name: str) -> list[bytes]:
    """DashScope's own stream, whose events tell the next words or all so far."""

    def event(at: int, piece: str) -> dict[str, Any]:
        function = {"name": name if at == 0 else "", "arguments": piece}
        call = {"index": 0, "id": "c" if at == 0 else "", "type": "function", "function": function}
        message = {"role": "assistant", "content": "", "tool_calls": [call]}
        choice = {"message": message, "finish_reason": "null"}
        usage = {"input_tokens": 5, "output_tokens": at}
        return {"output": {"choices": [choice]}, "usage": usage, "request_id": "r"}

    over = {"output": {"choices": [{"message": {"content": ""}, "finish_reason": "tool_calls"}]},
            "usage": {"input_tokens": 5, "output_tokens": 2}}  # fmt: skip
    return events(*(event(at, piece) for at, piece in enumerate(pieces)), over)


def lmstudio(name: str, arguments: dict[str, Any]) -> list[bytes]:
    """LM Studio's stream, whose server has run the tool by itself."""
    return events(
        {"type": "chat.start", "model_instance_id": "m"},
        {"type": "message.delta", "content": "Hi"},
        {"type": "tool_call.start", "tool": name, "provider_info": {"type": "plugin"}},
        {"type": "tool_call.arguments", "tool": name, "arguments": arguments},
        {"type": "tool_call.success", "tool": name, "arguments": arguments, "output": "x"},
        {"type": "chat.end", "result": {"output": [{"type": "message", "content": "Hi"}]}},
    )


def bodies(name: str, arguments: dict[str, Any]) -> dict[str, list[bytes]]:
    """Build a stream of each shape with one call."""
    words = json.dumps(arguments)
    return {
        "mistral": mistral(name, arguments),
        "dashscope, words": dashscope([words[:3], words[3:]], name),
        "dashscope, whole": dashscope([words], name),
        "lmstudio": lmstudio(name, arguments),
        "anthropic's": events(
            {"type": "x", "tool_use": {"id": "t", "name": name}},
            {"type": "x", "delta": {"partial_json": words[:5]}},
            {"type": "x", "delta": {"partial_json": words[5:]}},
        ),
        "a name alone": events({"tool_calls": [{"id": "a", "function": {"name": name}}]}, {"a": 1}),
        "the mark at the end": [
            *events({"tool_calls": [{"id": "a", "function": {"name": name}}]}), b"data: [DONE]\n\n"
        ],
    }  # fmt: skip


@pytest.mark.parametrize("shape", [*bodies("x", {})])
def test_an_allowed_stream_leaves_as_it_came(shape: str) -> None:
    """Every byte, in its order; the call was judged with its name and arguments."""
    chunks = bodies(*LOOK)[shape]
    out, judged, _ = run(chunks)
    assert out == b"".join(chunks)
    wanted = ("look", {}) if shape in ("a name alone", "the mark at the end") else LOOK
    assert wanted in judged
    assert {name for name, _ in judged} == {"look"}
    assert all(arguments in ({}, LOOK[1]) for _, arguments in judged)


@pytest.mark.parametrize("shape", [*bodies("x", {})])
def test_nothing_of_a_denied_call_leaves(shape: str) -> None:
    """Neither its name nor a piece of its arguments; the text before it has left."""
    chunks = bodies(*WIPE)[shape]
    out, judged, _ = run(chunks)
    assert out.endswith(b"<error>")
    assert b"wipe" not in out
    assert b'"/"' not in out
    assert any(name == "wipe" for name, _ in judged)
    if shape in ("mistral", "lmstudio"):
        assert b"message" in out


@pytest.mark.parametrize(("call", "passes"), [(LOOK, True), (WIPE, False)])
def test_what_is_told_so_far_is_one_call(call: tuple[str, Any], passes: bool) -> None:
    """DashScope repeats the arguments unless its client has asked for their next words."""
    words = json.dumps(call[1])
    chunks = dashscope([words[:3], words[:7], words], call[0])
    out, judged, _ = run(chunks, GenericStream(200, may_repeat=True))
    assert judged == [call]
    assert out == (b"".join(chunks) if passes else b"<error>")
    assert run(chunks)[0] != b"".join(chunks) or judged != [call]


def test_usage_and_texts_are_told() -> None:
    """Texts are what their pieces add up to, so that a credential in two of them is one."""
    _, _, answer = run(mistral(*LOOK))
    assert answer.usage == Usage(input_tokens=5, output_tokens=2)
    assert "Hi" in [text.text for text in answer.texts]
    stream = events(*({"results": [{"generated_text": part}]} for part in ("sk-", "ab", "cd")))
    assert "sk-abcd" in [text.text for text in run(stream)[2].texts]


def test_calls_beside_each_other_are_kept_apart() -> None:
    """By their index or their ids, wherever in a list they stand."""

    def piece(index: int, words: str, name: str = "") -> dict[str, Any]:
        return {"tool_calls": [{"index": index, "function": {"name": name, "arguments": words}}]}

    chunks = events(
        piece(0, '{"a"', "one"), piece(1, '{"b"', "two"), piece(0, ": 1}"), piece(1, ": 2}")
    )
    out, judged, _ = run(chunks)
    assert out == b"".join(chunks)
    assert judged == [("one", {"a": 1}), ("two", {"b": 2})]


def test_a_stream_that_ends_inside_a_call_lets_nothing_of_it_out() -> None:
    """A tolerant client would run what it has."""
    out, _, _ = run(events({"name": "wipe", "arguments": '{"path": '}))
    assert out == b"<error>"


def test_words_that_only_look_alike_are_texts() -> None:
    """Names without arguments, arguments without a call, results of tools."""
    chunks = events(
        {"name": "a file"},
        {"type": "function_call_output", "call_id": "c", "output": "x", "name": "look"},
        {"arguments": "of Descartes"},
        {"input": "what was asked", "parameters": "temperature"},
        "a text that is no JSON",
    )
    out, judged, _ = run(chunks)
    assert (out, judged) == (b"".join(chunks), [])


def test_time_grows_with_the_bytes() -> None:
    """A megabyte of arguments in a thousand pieces, and one in a single piece."""
    words = json.dumps({"text": 'x"{' * 330_000})
    began = time.process_time()
    pieces = [words[at : at + 1000] for at in range(0, len(words), 1000)]
    out, judged, _ = run(events(*({"name": "look", "arguments": piece} for piece in pieces)))
    assert len(judged) == 1
    assert len(out) > 1_000_000
    assert time.process_time() - began < 5


PIECE = {"type": "function.call.delta", "id": "fc_1", "tool_call_id": "c1", "name": "look"}
HALVES = ('{"city": ', '"Oslo"}')


@pytest.mark.parametrize(
    "second",
    [
        {**PIECE, "type": "function.call.other"},
        {key: said for key, said in PIECE.items() if key != "type"},
        {**PIECE, "id": "fc_2"},
        {**PIECE, "id": ""},
        {key: said for key, said in PIECE.items() if key != "id"},
        {**PIECE, "tool_call_id": "c2"},
        {"type": PIECE["type"], "name": "look"},
        {**PIECE, "Type": "function.call.other"},
    ],
)
def test_pieces_that_clients_add_up_otherwise_do_not_leave(second: dict[str, Any]) -> None:
    """Mistral's clients go by an event's type and by one of its ids; found by the fuzzer."""
    chunks = events({**PIECE, "arguments": HALVES[0]}, {**second, "arguments": HALVES[1]})
    stream = dialect("conversations").open_stream(200)
    assert isinstance(stream, GenericStream)
    out, judged, _ = run(chunks, stream)
    assert (out, judged) == (b"<error>", [])
    whole = events(*({**PIECE, "arguments": each} for each in HALVES))
    assert run(whole)[0] == b"".join(whole)


@pytest.mark.parametrize(
    "value",
    [
        {"function": {"name": "look", "arguments": "{}", "Arguments": "{}"}},
        {"Choices": 1},
    ],
)
def test_members_in_other_letters_do_not_leave(value: dict[str, Any]) -> None:
    """Go's readers take both for one; found by the fuzzer."""
    told = {"output": {"choices": [{"message": {"tool_calls": [value]}}]}}
    stream = dialect("dashscope").open_stream(200)
    assert isinstance(stream, GenericStream)
    assert run(events(told), stream)[0] == b"<error>"


def test_a_member_beside_the_arguments_is_another_reading() -> None:
    """Who reads `arguments` doesn't add `input` to them."""
    call = {"tool_calls": [{"index": 0, "function": {"name": "look", "input": "{}"}}]}
    pieces = [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in HALVES]
    _, judged, _ = run(events(call, *pieces))
    assert judged == [("look", {}), LOOK]


def test_names_that_come_first_stay_with_their_calls() -> None:
    """Two calls begin before either has arguments."""

    def piece(index: int, **function: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": index, "function": function}]}

    chunks = events(
        piece(0, name="one"),
        piece(1, name="two"),
        piece(0, arguments='{"a": 1}'),
        piece(1, arguments='{"b": 2}'),
        {"finish": "tool_calls"},
    )
    out, judged, _ = run(chunks)
    assert out == b"".join(chunks)
    assert ("one", {"a": 1}) in judged
    assert ("two", {"b": 2}) in judged
    assert ("two", {"a": 1}) not in judged


@pytest.mark.parametrize("arguments", [0, True, 2.5, [], {}])
def test_arguments_that_are_no_text_are_a_calls(arguments: Any) -> None:
    """Whose name is enough for some clients; found by the fuzzer."""
    out, judged, _ = run(events({"name": "wipe", "arguments": arguments}))
    assert out == b"<error>"
    assert judged == [("wipe", arguments)]


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        *((kind, "type") for kind in ("chat.end", "speech.audio.done", "transcript.text.done")),
        *((kind, "type") for kind in ("image_generation.completed", "transcription.done")),
        ("stream-end", "event_type"),
    ],
)
@pytest.mark.parametrize("is_loose", [False, True])
def test_a_stream_may_end_with_an_event_that_says_so(
    kind: str, member: str, is_loose: bool
) -> None:
    """And without a mark behind it; a receipt would call that the upstream's error."""
    inner = GenericStream(200)
    stream = LooseStream(200, inner, lambda _: False) if is_loose else inner
    for value, is_done in (({member: "x.delta", "text": "Hi"}, False), ({member: kind}, True)):
        for event in EventCutter().feed(events(value)[0]):
            stream.read(event)
        assert stream.done == is_done
