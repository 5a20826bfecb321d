"""The stream of Gemini's Interactions, read as the events of Anthropic's that mean the same.

Source: the Gemini API's reference, Interactions with `stream`. A step starts, grows by deltas and
stops; the interaction comes once more at the end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from helm_boundary.calls.call import Json, ToolCall
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.streaming.tellings import (
    ARGUMENTS,
    names_cover,
    spelling,
    told_in_two_ways,
)

from .answer_members import INTERACTIONS_EVENT
from .interactions_steps import (
    FUNCTION,
    MCP,
    count_calls,
    is_call,
    is_result,
    name_of,
    read_call,
    texts_of,
    without_request,
)
from .json_shape import as_object, as_objects, index_of, names_of, text_of
from .messages_blocks import finished
from .messages_stream import MessagesStream
from .usage import interactions_usage, updated

_MEMBERS = {"step.start": "step", "step.delta": "delta"}
_USES = {FUNCTION: "tool_use", MCP: "mcp_tool_use"}
_NAMES = ("name", "server_name")
_OVER = frozenset({"interaction.completed", "interaction.complete"})


class InteractionsStream(MessagesStream):
    """Reads events; a call is complete when its step stops."""

    KIND = "event_type"
    TELLING = ("step.",)
    CUT_OFF = frozenset(
        {"budget_exceeded", "cancelled", "failed", "incomplete", "requires_continuation"}
    )

    def _read_typed(self, kind: str, value: dict[str, Json]) -> None:
        if kind == "error":
            self._fail()
        own = as_object(value.get(_MEMBERS.get(kind, "")) or {}, "an event's member")
        self._account_for(kind, value, own)
        for told in _translated(kind, value, own):
            super()._read_typed(text_of(told["type"]), told)

    def _account_for(self, kind: str, value: dict[str, Json], own: dict[str, Json]) -> None:
        interaction = as_object(value.get("interaction") or {}, "an interaction")
        told = {**value, "interaction": without_request(interaction)}
        steps = as_objects(interaction.get("steps") or [], "steps")
        known = is_call(own) + sum(map(is_call, steps))
        if count_calls(told) != known:
            raise schema_violation("the stream carries a tool call where none belongs")
        if "delta" in value and is_call(own):
            self._check_names(value, own)
        if others := INTERACTIONS_EVENT.others(value):
            self._told.tell(texts_of(others, "", "assistant"))
        self._told.tell(texts_of(interaction, "/interaction", "assistant"))
        self._model = text_of(interaction.get("model")) or self._model
        self._id = text_of(interaction.get("id")) or self._id
        self._usage = updated(self._usage, interactions_usage(interaction.get("usage")))
        self._check_repeated([(at, step) for at, step in enumerate(steps) if is_call(step)])

    def _check_names(self, value: dict[str, Json], own: dict[str, Json]) -> None:
        """Refuse a delta that names another tool than its step; an MCP server's repeats it."""
        block = self._blocks.get(index_of(value.get("index"), "an event"))
        begun = {} if block is None else names_of(block.start, _NAMES)
        is_mcp = block is not None and block.start.get("type") == _USES[MCP]
        if not names_cover(begun if is_mcp else {}, names_of(own, _NAMES)):
            raise told_in_two_ways()

    def _check_repeated(self, steps: list[tuple[int, dict[str, Json]]]) -> None:
        """Take in the calls that an interaction has: clients may take all of them from there.

        Raises:
            Refusal: the stream has told steps, and other calls than these.
        """
        if not self._blocks:
            for at, step in steps:
                self._ledger.complete(at, finished(_start(step), f"/interaction/steps/{at}"))
        judged = set(map(_meaning, self._ledger.calls(waiting_only=False)))
        if not judged.issuperset(_meaning(read_call(step, "")) for _, step in steps):
            raise told_in_two_ways()


def _translated(
    kind: str, value: dict[str, Json], own: dict[str, Json]
) -> Iterator[dict[str, Json]]:
    index = value.get("index")
    if kind == "step.start":
        yield {"type": "content_block_start", "index": index, "content_block": _start(own)}
    elif kind == "step.delta":
        yield {"type": "content_block_delta", "index": index, "delta": _delta(own)}
    elif kind == "step.stop":
        yield {"type": "content_block_stop", "index": index}
    elif kind in _OVER:
        interaction = as_object(value.get("interaction") or {}, "an interaction")
        status = text_of(interaction.get("status"))
        yield {"type": "message_delta", "delta": {"stop_reason": status}}
        yield {"type": "message_stop"}


def _start(step: dict[str, Json]) -> dict[str, Json]:
    kind = text_of(step.get("type"))
    others = {key: said for key, said in step.items() if key not in ("type", "arguments")}
    if is_call(step):
        own = _USES.get(kind, "server_tool_use")
        name = step.get("name") if kind == MCP else name_of(step)
        said = step.get("arguments") or {}
        return {**others, "type": own, "name": name, "input": said}
    return {**others, "type": _type_of_result(kind) if is_result(step) else "text"}


def _type_of_result(kind: str) -> str:
    return f"{kind.removesuffix('_result')}_tool_result"


def _meaning(call: ToolCall) -> tuple[str, str]:
    """Return what is the same for a call that a step tells in pieces and one that it has whole."""
    return call.name, spelling({ARGUMENTS: call.arguments_text})


def _delta(own: dict[str, Json]) -> dict[str, Json]:
    kind = text_of(own.get("type"))
    known = ("type", "arguments", "text", *(_NAMES if is_call(own) else ()))
    others = {key: said for key, said in own.items() if key not in known}
    if "arguments" in own:
        said = own["arguments"]
        words = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
        return {**others, "type": "input_json_delta", "partial_json": words}
    if kind == "text" and isinstance(own.get("text"), str):
        return {**others, "type": "text_delta", "text": own["text"]}
    return {**own, "type": _type_of_result(kind) if is_result(own) else "other_delta"}
