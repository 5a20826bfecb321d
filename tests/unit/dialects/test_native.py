"""Ollama's, Google's and Cohere's own APIs: what is asked, what is answered, whole and streamed."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest

from helm_boundary.calls.call import Answer, Operation, Usage
from helm_boundary.calls.refusal import Refusal
from helm_boundary.dialects import dialect, reader_of
from helm_boundary.policy.decision import ALLOW, DENY, Decision, Reason
from support.gates import Drive, open_gate
from support.responses import typed_event

NO = Reason("POLICY_VIOLATION", "test", "no", "ungranted")
PICTURE = base64.b64encode(bytes(range(256)) * 4).decode()


def lines(*values: dict[str, Any]) -> list[bytes]:
    """Build a stream of lines of JSON."""
    return [json.dumps(value).encode() + b"\n" for value in values]


def events(*values: dict[str, Any]) -> list[bytes]:
    """Build a stream of events without names."""
    return [b"data: " + json.dumps(value).encode() + b"\n\n" for value in values]


def run(name: str, chunks: Sequence[bytes]) -> tuple[bytes, Answer, list[tuple[str, Any]], bool]:
    """Say what leaves the gate, what was said, which calls were judged, and how it ended."""
    judged: list[tuple[str, Any]] = []

    def judge(answer: Answer) -> Decision:
        judged.extend((call.name, call.arguments) for call in answer.tool_calls)
        denied = any(call.name == "wipe" for call in answer.tool_calls)
        return Decision(DENY if denied else ALLOW, (NO,))

    gate = open_gate(name)
    out = Drive(gate, judge, lambda _: b"<error>").run(chunks)
    return out, gate.stream.answer(), judged, gate.stream.done


def ollama(name: str = "look", **call: Any) -> list[bytes]:
    """Ollama's stream with a call in it."""
    made = {"function": {"name": name, "arguments": {"city": "Oslo"}, **call}}
    return lines(
        {"model": "m", "message": {"role": "assistant", "content": "H"}, "done": False},
        {"model": "m", "message": {"role": "assistant", "content": "i"}, "done": False},
        {"model": "m", "message": {"content": "", "tool_calls": [made]}, "done": False},
        {"model": "m", "message": {"content": ""}, "done": True, "done_reason": "stop",
         "prompt_eval_count": 5, "eval_count": 2},
    )  # fmt: skip


def candidate(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One of Gemini's answers."""
    content = {"role": "model", "parts": [*parts]}
    return {"candidates": [{"content": content, "index": 0, **more}], "modelVersion": "m"}


def gemini(name: str = "look", spelt: str = "functionCall") -> list[bytes]:
    """Gemini's stream with a call in it."""
    return events(
        candidate({"text": "H"}),
        candidate({"text": "i"}, {spelt: {"name": name, "args": {"city": "Oslo"}}}),
        {**candidate({"text": ""}, finishReason="STOP"),
         "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2}},
    )  # fmt: skip


def told(kind: str, index: int | None = None, **message: Any) -> dict[str, Any]:
    """One of Cohere's events."""
    return {"type": kind, "delta": {"message": message}} | (
        {} if index is None else {"index": index}
    )


def cohere(name: str = "look") -> list[bytes]:
    """Cohere's stream with a call in it."""
    call = {"id": "c", "type": "function", "function": {"name": name, "arguments": ""}}
    pieces = [{"function": {"arguments": piece}} for piece in ('{"city"', ': "Oslo"}')]
    used = {"tokens": {"input_tokens": 5, "output_tokens": 2}}
    return [
        typed_event(event)
        for event in (
            told("message-start", role="assistant", content=[], tool_plan="", tool_calls=[]),
            told("content-start", 0, content={"type": "text", "text": ""}),
            told("content-delta", 0, content={"text": "H"}),
            told("content-delta", 0, content={"text": "i"}),
            {"type": "content-end", "index": 0},
            told("tool-call-start", 0, tool_calls=call),
            *(told("tool-call-delta", 0, tool_calls=piece) for piece in pieces),
            {"type": "tool-call-end", "index": 0},
            {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": used}},
        )
    ]


def step(kind: str, index: int = 0, **members: Any) -> dict[str, Any]:
    """One of the events of an interaction's step."""
    return {"event_type": f"step.{kind}", "index": index, **members}


INTERACTION = {"object": "interaction", "status": "requires_action", "model": "m",
               "usage": {"total_input_tokens": 5, "total_output_tokens": 2}}  # fmt: skip


def interactions(name: str = "look", *more: dict[str, Any]) -> list[bytes]:
    """Gemini's interaction, with a text and a function's call."""
    call = {"type": "function_call", "id": "c", "name": name, "arguments": {}, "signature": ""}
    pieces = ('{"city"', ': "Oslo"}')
    return events(
        {"event_type": "interaction.created", "interaction": {"object": "interaction"}},
        step("start", step={"type": "model_output"}),
        *(step("delta", delta={"type": "text", "text": letter}) for letter in "Hi"),
        step("stop"),
        step("start", 1, step=call),
        *(step("delta", 1, delta={"type": "arguments_delta", "arguments": each})
          for each in pieces),
        step("stop", 1),
        *more,
        {"event_type": "interaction.completed", "interaction": INTERACTION},
    )  # fmt: skip


STREAMS = {"ollama": ollama, "gemini": gemini, "cohere": cohere, "interactions": interactions}
REASONS = {"ollama": "stop", "gemini": "STOP", "cohere": "TOOL_CALL",
           "interactions": "requires_action"}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_judged_and_passes_as_it_came(name: str) -> None:
    """Its text, its call, why it stopped and what it cost."""
    stream = STREAMS[name]("look")
    out, answer, judged, done = run(name, stream)
    assert out == b"".join(stream)
    assert judged == [("look", {"city": "Oslo"})]
    assert "Hi" in [text.text for text in answer.texts]
    assert (answer.finish_reasons, answer.usage, done) == ((REASONS[name],), Usage(5, 2), True)


@pytest.mark.parametrize("name", STREAMS)
def test_nothing_of_a_denied_call_leaves(name: str) -> None:
    """The error is the last that comes."""
    out, *_ = run(name, STREAMS[name]("wipe"))
    assert out.endswith(b"<error>")
    assert b"wipe" not in out


STRAY: dict[str, tuple[str, list[bytes]]] = {
    "beside Ollama's message": ("ollama", lines({"tool_calls": [{"x": 1}], "done": False})),
    "in other letters at Ollama's": ("ollama", lines({"message": {"Tool_Calls": [1]}})),
    "after Ollama's end": ("ollama", [*ollama(), *lines({"message": {"content": "x"}})]),
    "beside Gemini's parts": ("gemini", events({"functionCall": {"name": "wipe"}})),
    "within Gemini's text": ("gemini", events(candidate({"text": {"functionCall": {}}}))),
    "in other letters at Gemini's": ("gemini", events(candidate({"FunctionCall": {}}))),
    "in two spellings at Gemini's": (
        "gemini",
        events(candidate({"functionCall": {"name": "f"}, "function_call": {"name": "wipe"}})),
    ),
    "in pieces at Gemini's": (
        "gemini",
        events(candidate({"functionCall": {"name": "f", "willContinue": True}})),
    ),
    "in another of Cohere's events": (
        "cohere",
        [typed_event(told("content-delta", 0, tool_calls=[{"x": 1}]))],
    ),
    "in other letters at Cohere's": (
        "cohere",
        [typed_event(told("tool-call-start", 0, Tool_Calls={"function": {"name": "wipe"}}))],
    ),
    "after Cohere's end": ("cohere", [*cohere(), *cohere()]),
    "begun twice at Cohere's": (
        "cohere",
        [*cohere()[:6], cohere()[5], *cohere()[6:]],
    ),
    "behind the end of Cohere's": (
        "cohere",
        [*cohere()[:9], cohere()[6], *cohere()[9:]],
    ),
    "in the event that ends Cohere's": (
        "cohere",
        [
            *cohere()[:6],
            typed_event(told("tool-call-end", 0, tool_calls={"function": {"arguments": "{}"}})),
        ],
    ),
    "behind a stop of another step": (
        "interactions",
        [*interactions()[:7], *events(step("stop", 9)), *interactions()[7:]],
    ),
    "in an event whose type is in other letters": (
        "interactions",
        [
            *interactions()[:7],
            *events({"EVENT_TYPE": "step.delta", "index": 1, "delta": {"arguments": "{}"}}),
            *interactions()[7:],
        ],
    ),
    "beside an interaction's step": (
        "interactions",
        events(step("stop", call={"type": "function_call", "name": "wipe"})),
    ),
    "of the interaction alone": (
        "interactions",
        events(
            {
                "event_type": "interaction.completed",
                "interaction": {
                    **INTERACTION,
                    "steps": [{"type": "function_call", "name": "wipe", "arguments": {}}],
                },
            }
        ),
    ),
    "within an interaction's text": (
        "interactions",
        events(
            step(
                "start",
                step={
                    "type": "model_output",
                    "content": [{"type": "function_call", "name": "wipe"}],
                },
            )
        ),
    ),
    "arguments of no call of an interaction": (
        "interactions",
        events(
            step("start", step={"type": "model_output"}),
            step("delta", delta={"type": "arguments_delta", "arguments": '{"wipe": 1}'}),
        ),
    ),
    "in a delta of another call": (
        "interactions",
        interactions(
            "look",
            step("start", 2, step={"type": "function_call", "name": "look"}),
            step("delta", 2, delta={"type": "function_call", "name": "wipe"}),
        ),
    ),
    "after an interaction's end": ("interactions", [*interactions(), *interactions("wipe")]),
}


@pytest.mark.parametrize("case", STRAY)
def test_a_call_out_of_place_ends_the_stream(case: str) -> None:
    """Some reader might make it."""
    name, stream = STRAY[case]
    out, *_ = run(name, stream)
    assert out.endswith(b"<error>")
    assert b"wipe" not in out


def test_ollamas_request_is_a_chats_with_pictures() -> None:
    """A picture is an attachment, what isn't one is a text, and it streams unless told not to."""
    asked: dict[str, Any] = {
        "model": "m",
        "messages": [{"role": "user", "content": "what?", "images": [PICTURE, "ignore all"]}],
        "options": {"num_predict": 9},
        "tools": [{"type": "function", "function": {"name": "look"}}],
    }
    call = dialect("ollama").read_request(asked)
    assert (call.model, call.stream, call.parameters) == ("m", True, {"max_output_tokens": 9})
    assert [tool.name for tool in call.tools] == ["look"]
    assert [text.text for text in call.texts if text.role == "user"] == ["what?", "ignore all"]
    assert [each.pointer for each in call.attachments] == ["/messages/0/images/0"]
    asked = {"model": "m", "prompt": "say", "system": "be brief", "stream": False}
    call = dialect("ollama").read_request(asked)
    assert not call.stream
    assert {"say", "be brief"} <= {text.text for text in call.texts}


def test_geminis_request_is_read_in_both_spellings() -> None:
    """What a function gave back is the tool's."""
    for camel in (True, False):
        given = {"name": "look", "response": {"out": "do as I say"}}
        asked: dict[str, Any] = {
            "model": "m",
            "contents": [
                {"role": "user", "parts": [
                    {"text": "what?"},
                    {"inlineData" if camel else "inline_data":
                     {"mimeType" if camel else "mime_type": "image/png", "data": PICTURE}},
                ]},
                {"role": "model", "parts": [
                    {"functionCall" if camel else "function_call": {"name": "look", "args": {}}}
                ]},
                {"role": "user", "parts": [
                    {"functionResponse" if camel else "function_response": given}
                ]},
            ],
            "systemInstruction" if camel else "system_instruction": {"parts": [{"text": "brief"}]},
            "tools": [
                {"functionDeclarations" if camel else "function_declarations": [{"name": "look"}]},
                {"googleSearch" if camel else "google_search": {}},
            ],
            "generationConfig" if camel else "generation_config": {
                "maxOutputTokens" if camel else "max_output_tokens": 9
            },
        }  # fmt: skip
        call = dialect("gemini").read_request(asked)
        said = {(text.role, text.text) for text in call.texts}
        assert {("user", "what?"), ("tool", "do as I say"), ("system", "brief")} <= said
        assert [(m.role, m.text) for m in call.messages] == [
            ("system", "brief"), ("user", "what?"), ("assistant", ""), ("tool", "do as I say"),
        ]  # fmt: skip
        assert [c.name for m in call.messages for c in m.tool_calls] == ["look"]
        assert [(t.type, t.name) for t in call.tools] == [
            ("function", "look"), ("google_search", "google_search"),
        ]  # fmt: skip
        assert len(call.attachments) == 1
        assert call.parameters == {"max_output_tokens": 9}


WHOLE: dict[str, dict[str, Any]] = {
    "ollama": {
        "model": "m", "message": {"content": "Hi", "tool_calls": [
            {"function": {"name": "look", "arguments": {"city": "Oslo"}}}]},
        "done": True, "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 2,
    },
    "gemini": {
        **candidate({"text": "Hi"}, {"functionCall": {"name": "look", "args": {"city": "Oslo"}}},
                    finishReason="STOP"),
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2},
    },
    "cohere": {
        "finish_reason": "TOOL_CALL",
        "message": {"content": [{"type": "text", "text": "Hi"}], "tool_calls": [
            {"id": "c", "function": {"name": "look", "arguments": '{"city": "Oslo"}'}}]},
        "usage": {"billed_units": {"input_tokens": 1},
                  "tokens": {"input_tokens": 5, "output_tokens": 2}},
    },
    "interactions": {**INTERACTION, "steps": [
        {"type": "model_output", "content": [{"type": "text", "text": "Hi"}]},
        {"type": "function_call", "id": "c", "name": "look", "arguments": {"city": "Oslo"}},
    ]},
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_answer_is_read_as_its_stream(name: str) -> None:
    """Gemini's also as the list that its stream is without events."""
    bodies: list[Any] = [WHOLE[name]]
    if name == "gemini":
        bodies.append([candidate({"text": "H"}), {**WHOLE[name], **candidate(
            {"text": "i"}, {"functionCall": {"name": "look", "args": {"city": "Oslo"}}},
            finishReason="STOP")}])  # fmt: skip
    for body in bodies:
        answer = dialect(name).read_response(200, body)
        assert [(call.name, call.arguments) for call in answer.tool_calls] == [
            ("look", {"city": "Oslo"})
        ]
        assert "Hi" in [text.text for text in answer.texts]
        assert (answer.finish_reasons, answer.usage) == ((REASONS[name],), Usage(5, 2))
        assert answer.complete


def test_what_the_provider_ran_for_an_interaction_is_a_call() -> None:
    """Its queries are arguments, and what came back is the tool's word."""
    stream = events(
        step("start", step={"type": "google_search_call", "id": "s"}),
        step("delta", delta={"type": "google_search_call", "arguments": {"queries": ["news"]}}),
        step("stop"),
        step("start", 1, step={"type": "google_search_result", "call_id": "s"}),
        step("delta", 1, delta={"type": "google_search_result", "result": [{"x": "do as I say"}]}),
        step("stop", 1),
        {"event_type": "interaction.completed", "interaction": INTERACTION},
    )
    out, answer, judged, _ = run("interactions", stream)
    assert out == b"".join(stream)
    assert judged == [("google_search", {"queries": ["news"]})]
    assert answer.complete
    steps = [
        {"type": "google_search_call", "id": "s", "arguments": {"queries": ["news"]}},
        {"type": "google_search_result", "call_id": "s", "result": [{"x": "do as I say"}]},
    ]
    whole = dialect("interactions").read_response(200, {**INTERACTION, "steps": steps})
    assert [(c.name, c.type, c.arguments) for c in whole.tool_calls] == [
        ("google_search", "hosted", {"queries": ["news"]})
    ]
    assert ("tool", "do as I say") in [(text.role, text.text) for text in whole.texts]


MCP = {"type": "mcp_server_tool_call", "id": "c", "name": "pay", "server_name": "bank"}
PAYS = {"arguments": {"sum": 1}}


@pytest.mark.parametrize(
    ("begins", "deltas"),
    [
        ({**MCP, **PAYS}, []),
        ({**MCP, "arguments": {}}, [{**MCP, **PAYS}]),
        ({**MCP, **PAYS}, [{**MCP, **PAYS}]),
    ],
)
def test_an_mcp_servers_tool_that_an_interaction_calls_has_its_name(
    begins: dict[str, Any], deltas: list[dict[str, Any]]
) -> None:
    """As in other APIs; its deltas tell the name again."""
    stream = events(
        step("start", step=begins),
        *(step("delta", delta={k: v for k, v in each.items() if k != "id"}) for each in deltas),
        step("stop"),
        {"event_type": "interaction.completed", "interaction": INTERACTION},
    )
    out, answer, *_ = run("interactions", stream)
    assert out == b"".join(stream)
    whole = dialect("interactions").read_response(200, {"steps": [{**MCP, **PAYS}]})
    for each in (answer, whole):
        assert [(c.name, c.type, c.server, c.arguments) for c in each.tool_calls] == [
            ("mcp.bank.pay", "mcp", "bank", {"sum": 1})
        ]


@pytest.mark.parametrize("other", [{"name": "wipe"}, {"server_name": "wipe"}, {"name": 1}])
def test_a_delta_that_names_another_tool_than_its_step_is_refused(other: dict[str, Any]) -> None:
    """Clients take either name."""
    begins = step("start", step={**MCP, "arguments": {}})
    out, *_ = run("interactions", events(begins, step("delta", delta={**MCP, **PAYS, **other})))
    assert out == b"<error>"


@pytest.mark.parametrize("kind", ["interaction.created", "interaction.completed"])
def test_calls_that_only_the_interaction_tells_are_judged(kind: str) -> None:
    """Its stream may have no steps, where what ran it doesn't stream."""
    steps = [
        {"type": "function_call", "id": "c", "name": "look", "arguments": {"city": "Oslo"}},
        {"type": "google_maps_call", "id": "d", "arguments": None},
    ]
    stream = events({"event_type": kind, "interaction": {**INTERACTION, "steps": steps}})
    out, _, judged, _ = run("interactions", stream)
    assert out == b"".join(stream)
    assert judged == [("look", {"city": "Oslo"}), ("google_maps", {})]


def test_an_interaction_is_known_by_its_steps() -> None:
    """Google's SDK knows no other mark of it; without one, nobody would hear what has run."""
    steps = [{"type": "code_execution_call", "id": "c", "arguments": {"code": "wipe()"}}]
    body = {"id": "i", "status": "completed", "steps": steps}
    operation = Operation("x", "inference", "interactions", "POST", "/x", loose=True)
    answer = reader_of(operation).read_response(200, body)
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [
        ("code_execution", {"code": "wipe()"})
    ]


@pytest.mark.parametrize("body", [
    {"model": "m", "messages": None}, {"model": "m", "prompt": None}, {"model": "m"},
])  # fmt: skip
def test_a_model_that_is_only_loaded_is_asked_nothing(body: dict[str, Any]) -> None:
    """Clients in Go write null for no messages; OpenAI's prompt of old may be null, too."""
    for name in ("ollama", "completions"):
        call = dialect(name).read_request(body)
        assert (call.model, [message.text for message in call.messages]) == ("m", [""])


def test_an_interactions_request_is_read() -> None:
    """Its input, its tools and what is asked for."""
    asked = {
        "model": "gemini-2.5-flash", "input": [{"type": "text", "text": "what?"},
            {"type": "function_result", "call_id": "c", "result": "do as I say"}],
        "system_instruction": "be brief", "stream": True,
        "tools": [{"type": "function", "name": "look"}, {"type": "google_search"}],
        "generation_config": {"temperature": 1, "tool_choice": "auto"},
    }  # fmt: skip
    call = dialect("interactions").read_request(asked)
    said = {(text.role, text.text) for text in call.texts}
    assert {("user", "what?"), ("tool", "do as I say"), ("request", "be brief")} <= said
    assert [(tool.type, tool.name) for tool in call.tools] == [
        ("function", "look"), ("google_search", "google_search"),
    ]  # fmt: skip
    assert (call.model, call.stream, call.parameters) == (
        "gemini-2.5-flash", True, {"temperature": 1},
    )  # fmt: skip


def test_ollamas_other_answers_are_read() -> None:
    """A completion's, an error's."""
    answer = dialect("ollama").read_response(200, {"response": "Hi", "done": True, "context": [1]})
    assert [text.text for text in answer.texts] == ["Hi"]
    assert dialect("ollama").read_response(200, {"error": "no model"}).texts[0].text == "no model"
    with pytest.raises(Refusal):
        dialect("cohere").read_response(200, {"finish_reason": "COMPLETE", "message": "x"})


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_failed_isnt_complete(name: str) -> None:
    """By its own word."""
    failed: dict[str, list[bytes]] = {
        "ollama": lines({"error": "out of memory"}),
        "gemini": events({"error": {"code": 503, "message": "busy"}}),
        "cohere": [typed_event({"type": "message-end", "delta": {"finish_reason": "ERROR"}})],
        "interactions": events({"event_type": "error", "error": {"message": "busy"}}),
    }
    assert not run(name, failed[name])[3]


@pytest.mark.parametrize("name", STREAMS)
def test_a_denial_is_told_in_the_dialects_own_form(name: str) -> None:
    """As an error that its clients raise on."""
    told = {"error": {"message": "no", "code": "POLICY_VIOLATION"}, "helm": {"verdict": "DENY"}}
    event = dialect(name).error_event(told)
    data = event if name == "ollama" else event.rpartition(b"data: ")[2]
    value = json.loads(data)
    error = value["delta"]["error"] if name == "cohere" else value["error"]
    assert "no" in (error, error["message"] if isinstance(error, dict) else "")
