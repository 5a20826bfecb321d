"""Streams that honest servers send by mistake, and that clients read in several ways."""

from __future__ import annotations

from helm_boundary.calls.call import Json

from .chat_streams import chunk
from .tellings import DONE, Event

LOOK, Z = '{"p": "a"}', '{"p": "z"}'


def _chat(*deltas: list[Event]) -> list[Event]:
    told = [chunk(0, {"tool_calls": calls}) for calls in deltas]
    return [*told, chunk(0, {}, finish_reason="tool_calls"), DONE]


def _call(name: str | None, said: str, **more: Json) -> Event:
    function = {"arguments": said} | ({} if name is None else {"name": name})
    own = {} if name is None else {"id": f"call_{name}", "type": "function"}
    return {**own, "function": function, **more}


def _at(index: Json, name: str | None, said: str, **more: Json) -> list[Event]:
    return [{"index": index, **_call(name, said, **more)}]


def _aside(said: Event) -> list[Event]:
    """Tell a call with more in its function than belongs there."""
    call = _call("look", "")
    return [{"index": 0, **call, "function": {**call["function"], **said}}]


_CHAT = {
    "two calls at index null": _chat(
        _at(None, "look", ""), _at(None, None, LOOK), _at(None, "evil", ""), _at(None, None, Z)
    ),
    "two calls without an index": _chat([_call("look", LOOK)], [_call("evil", Z)]),
    "two calls without an index in one delta": _chat([_call("look", LOOK), _call("evil", Z)]),
    "two ids at one index": _chat(
        _at(0, "look", ""), _at(0, None, LOOK), _at(0, "evil", ""), _at(0, None, Z)
    ),
    "whole calls at one index": _chat(_at(0, "look", LOOK), _at(0, "evil", Z)),
    "an id that changes": _chat(_at(0, "look", '{"p":'), _at(0, None, ' "a"}', id="call_other")),
    "an id again with each delta": _chat(
        _at(0, "look", '{"p":'), _at(0, None, ' "a"}', id="call_look")
    ),
    "a name in pieces": _chat(_at(0, "ev", ""), _at(0, "il", "", id="call_ev"), _at(0, None, LOOK)),
    "a name in pieces without an id": _chat(
        _at(0, "ev", ""), [{"index": 0, "function": {"name": "il", "arguments": LOOK}}]
    ),
    "a name again with each delta": _chat(
        _at(0, "look", '{"p":'), [{"index": 0, "function": {"name": "look", "arguments": ' "a"}'}}]
    ),
    "a name after the arguments": _chat(
        _at(0, None, LOOK), [{"index": 0, "id": "c", "function": {"name": "evil"}}]
    ),
    "a Name beside the name": _chat(_aside({"Name": "evil"}), _at(0, None, LOOK)),
    "Arguments beside arguments": _chat(_aside({"arguments": LOOK, "Arguments": Z})),
    "Tool_Calls": [
        chunk(0, {"Tool_Calls": _at(0, "evil", Z)}),
        *_chat(_at(0, "look", LOOK)),
    ],
    "a Function beside the function": _chat(
        _at(0, "look", LOOK, Function={"name": "evil", "arguments": Z})
    ),
    "arguments as an object": _chat(_aside({"arguments": {"p": "z"}})),
    "arguments that go on after their end": _chat(_at(0, "look", LOOK), _at(0, None, Z)),
    "arguments cut off": _chat(_at(0, "look", '{"p": "z')),
    "arguments cut off by the limit": [
        *_chat(_at(0, "look", '{"p": "z'))[:-2], chunk(0, {}, finish_reason="length"), DONE
    ],
    "a function_call beside tool_calls": [
        chunk(0, {"function_call": {"name": "evil", "arguments": Z}}),
        *_chat(_at(0, "look", LOOK)),
    ],
    "an index that is text": _chat(_at("0", "look", LOOK), _at("1", "evil", Z)),
    "indexes that begin at 1": _chat(_at(1, "look", ""), _at(1, None, LOOK)),
    "a type that isn't function": _chat(_at(0, "evil", Z, type="other")),
    "no type": _chat([{"index": 0, "id": "c", "function": {"name": "evil", "arguments": Z}}]),
    "a call after the end": [*_chat(_at(0, "look", LOOK))[:-1], *_chat(_at(1, "evil", Z))],
    "a call in a second choice": [
        chunk(1, {"tool_calls": _at(0, "evil", Z)}), *_chat(_at(0, "look", LOOK))
    ],
}  # fmt: skip


def _message(*events: Event, stop: str = "tool_use") -> list[Event]:
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
    return [
        {"type": "message_start", "message": start},
        *events,
        {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {}},
        {"type": "message_stop"},
    ]


def _start(index: Json, name: str, told: Json = None, **more: Json) -> Event:
    used = {"type": "tool_use", "id": f"toolu_{name}", "name": name, "input": told or {}, **more}
    return {"type": "content_block_start", "index": index, "content_block": used}


def _json(index: Json, said: str, kind: str = "input_json_delta") -> Event:
    delta = {"type": kind, "partial_json": said}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _stop(index: Json) -> Event:
    return {"type": "content_block_stop", "index": index}


_MESSAGES = {
    "input at the start and deltas": _message(
        _start(0, "look", {"p": "z"}), _json(0, LOOK), _stop(0)
    ),
    "input at the start and the same in deltas": _message(
        _start(0, "look", {"p": "a"}), _json(0, LOOK), _stop(0)
    ),
    "input at the start alone": _message(_start(0, "look", {"p": "z"}), _stop(0)),
    "input at the start and an empty delta": _message(
        _start(0, "look", {"p": "z"}), _json(0, ""), _stop(0)
    ),
    "two blocks at one index": _message(
        _start(0, "look"), _json(0, LOOK), _stop(0), _start(0, "evil"), _json(0, Z), _stop(0)
    ),
    "two blocks at index null": _message(
        _start(None, "look"), _json(None, LOOK), _stop(None),
        _start(None, "evil"), _json(None, Z), _stop(None),
    ),
    "a block that starts within another": _message(
        _start(0, "look"), _start(0, "evil"), _json(0, LOOK), _stop(0)
    ),
    "a block that never stops": _message(_start(0, "look"), _json(0, Z)),
    "deltas after the stop": _message(_start(0, "look"), _stop(0), _json(0, Z)),
    "blocks that begin at 1": _message(_start(1, "look"), _json(1, LOOK), _stop(1)),
    "blocks in the other order": _message(
        _start(1, "look"), _json(1, LOOK), _stop(1), _start(0, "evil"), _json(0, Z), _stop(0)
    ),
    "a Name beside the name": _message(_start(0, "look", Name="evil"), _json(0, LOOK), _stop(0)),
    "Input beside input": _message(_start(0, "look", Input={"p": "z"}), _json(0, LOOK), _stop(0)),
    "Content_Block beside content_block": _message(
        {**_start(0, "look"), "Content_Block": _start(0, "evil")["content_block"]},
        _json(0, LOOK), _stop(0),
    ),
    "partial_json in a delta of another type": _message(
        _start(0, "look"), _json(0, Z, "text_delta"), _stop(0)
    ),
    "input as text": _message(_start(0, "look", Z), _stop(0)),
    "a block after the end": [
        *_message(_start(0, "look"), _json(0, LOOK), _stop(0)),
        *_message(_start(0, "evil"), _json(0, Z), _stop(0)),
    ],
    "arguments that go on after their end": _message(
        _start(0, "look"), _json(0, LOOK), _json(0, Z), _stop(0)
    ),
    "arguments cut off": _message(_start(0, "look"), _json(0, '{"p": "z'), _stop(0)),
    "arguments cut off by the limit": _message(
        _start(0, "look"), _json(0, '{"p": "z'), _stop(0), stop="max_tokens"
    ),
}  # fmt: skip


def _item(name: str, said: str, own: str = "0", **more: Json) -> Event:
    return {"id": f"item_{own}", "type": "function_call", "call_id": f"call_{own}", "name": name,
            "arguments": said, "status": "completed", **more}  # fmt: skip


def _added(at: Json, item: Event) -> Event:
    return {"type": "response.output_item.added", "output_index": at, "item": item}


def _done(at: Json, item: Event) -> Event:
    return {"type": "response.output_item.done", "output_index": at, "item": item}


def _said(at: Json, said: str, own: str = "0", **more: Json) -> list[Event]:
    kind, where = "response.function_call_arguments", {"output_index": at, "item_id": f"item_{own}"}
    return [
        {"type": f"{kind}.delta", **where, "delta": said},
        {"type": f"{kind}.done", **where, "arguments": said, **more},
    ]


def _response(*events: Event, output: Json = None) -> list[Event]:
    whole = {"id": "resp_1", "object": "response", "model": "m"}
    return [
        {"type": "response.created", "response": {**whole, "output": []}},
        *events,
        {"type": "response.completed",
         "response": {**whole, "status": "completed", "output": output or []}},
    ]  # fmt: skip


def _lane(at: Json, name: str, said: str, own: str = "0", end: str | None = None) -> list[Event]:
    last = _item(name, said, own if end is None else end)
    return [_added(at, _item(name, "", own)), *_said(at, said, own), _done(at, last)]


_RESPONSES = {
    "two items at one index": _response(*_lane(0, "look", LOOK), *_lane(0, "evil", Z, "1")),
    "two items with one id": _response(*_lane(0, "look", LOOK), *_lane(1, "evil", Z)),
    "two items at index null": _response(
        *_lane(None, "look", LOOK), *_lane(None, "evil", Z, "1")
    ),
    "an item id that changes": _response(*_lane(0, "look", LOOK, "0", "1")),
    "an item id that changes, and its name": _response(
        _added(0, _item("look", "")), *_said(0, LOOK), _done(0, _item("evil", LOOK, "1"))
    ),
    "deltas for another's id": _response(
        _added(0, _item("look", "")), _added(1, _item("other", "", "1")), *_said(0, Z, "1"),
        _done(0, _item("look", LOOK)), _done(1, _item("other", Z, "1")),
    ),
    "a name with done": _response(
        _added(0, _item("look", "")), *_said(0, LOOK, name="evil"), _done(0, _item("look", LOOK))
    ),
    "the final response alone": _response(output=[_item("evil", Z)]),
    "another call in the final response": _response(
        *_lane(0, "look", LOOK), output=[_item("look", LOOK), _item("evil", Z, "1")]
    ),
    "the finished item alone": _response(_done(0, _item("evil", Z))),
    "the start alone": _response(_added(0, _item("evil", Z))),
    "an item that isn't finished": _response(_added(0, _item("look", "")), *_said(0, Z)),
    "an item that begins twice": _response(
        _added(0, _item("look", "")), _added(0, _item("evil", "")), *_said(0, LOOK),
        _done(0, _item("look", LOOK)),
    ),
    "arguments at the start, and deltas": _response(
        _added(0, _item("look", LOOK)), *_said(0, LOOK), _done(0, _item("look", LOOK))
    ),
    "a Name beside the name": _response(
        _added(0, _item("look", "", Name="evil")), *_said(0, LOOK), _done(0, _item("look", LOOK))
    ),
    "Arguments beside arguments": _response(
        _added(0, _item("look", "")), *_said(0, LOOK),
        _done(0, _item("look", LOOK, Arguments=Z)),
    ),
    "Item beside item": _response(
        _added(0, _item("look", "")), *_said(0, LOOK),
        {**_done(0, _item("look", LOOK)), "Item": _item("evil", Z)},
    ),
    "an output without its events": _response(
        *_lane(0, "look", LOOK), output=[_item("evil", Z)]
    ),
    "an incomplete item": _response(
        _added(0, _item("look", "")), *_said(0, Z),
        _done(0, _item("look", Z, status="incomplete")),
    ),
    "an item that becomes a call at its end": _response(
        _added(0, {"id": "item_0", "type": "message", "role": "assistant", "content": []}),
        _done(0, _item("evil", Z)),
    ),
    "a call with a namespace": _response(
        _added(0, _item("look", "", namespace="evil")), *_said(0, LOOK),
        _done(0, _item("look", LOOK, namespace="evil")),
    ),
}  # fmt: skip

ODD = {"chat": _CHAT, "messages": _MESSAGES, "responses": _RESPONSES}
"""The streams of each dialect, by what is odd about them."""
