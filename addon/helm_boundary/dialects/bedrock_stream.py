"""The stream of Bedrock's Converse API, read as the events of Anthropic's that mean the same.

Source: Amazon Bedrock's API reference, `ConverseStreamOutput`. A block that is no tool's use has no
start of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from helm_boundary.calls.call import Json
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.streaming.tellings import told_in_two_ways

from .answer_members import BEDROCK_EVENT
from .bedrock_blocks import RESULT, USE, count_uses
from .json_shape import as_object, index_of, text_of
from .messages_blocks import texts_of
from .messages_stream import MessagesStream
from .usage import bedrock_usage, updated

_INDEX = "contentBlockIndex"
_ERRORS = frozenset({"exception", "error"})


class BedrockStream(MessagesStream):
    """Reads events; a tool call is complete when its block stops."""

    KIND = ""
    TELLING = ("contentBlock", "messageSt")
    CUT_OFF = MessagesStream.CUT_OFF | {"content_filtered", "guardrail_intervened"}

    def _read_typed(self, kind: str, value: dict[str, Json]) -> None:
        if kind in _ERRORS:
            self._fail()
        own = as_object(value.get(_MEMBERS.get(kind, "")) or {}, "an event's member")
        if count_uses(value) != count_uses({USE: own.get(USE)}):
            raise schema_violation("the stream carries a tool call where none belongs")
        if others := BEDROCK_EVENT.others(value):
            self._told.tell(texts_of(others, "", "assistant"))
        for told in self._translated(kind, value, own):
            super()._read_typed(text_of(told["type"]), told)
        if kind == "metadata":
            self._usage = updated(self._usage, bedrock_usage(value.get("usage")))

    def _translated(
        self, kind: str, value: dict[str, Json], own: dict[str, Json]
    ) -> Iterator[dict[str, Json]]:
        if kind in _MEMBERS or kind == "contentBlockStop":
            index = index_of(value.get(_INDEX), "an event")
        if kind == "contentBlockStart":
            yield {"type": "content_block_start", "index": index, "content_block": _start(own)}
        elif kind == "contentBlockDelta":
            if index not in self._blocks:
                block = {"type": "text", "text": ""}
                yield {"type": "content_block_start", "index": index, "content_block": block}
            yield {"type": "content_block_delta", "index": index, "delta": _delta(own)}
        elif kind == "contentBlockStop":
            yield {"type": "content_block_stop", "index": index}
        elif kind == "messageStop":
            reason = text_of(value.get("stopReason"))
            yield {"type": "message_delta", "delta": {"stop_reason": reason}}
            yield {"type": "message_stop"}


_MEMBERS = {"contentBlockStart": "start", "contentBlockDelta": "delta"}
"""The events of a block, and where each has what it says of that."""


def _start(own: dict[str, Json]) -> dict[str, Json]:
    # What a block is comes last: nothing that stands beside it may say otherwise.
    others = {key: said for key, said in own.items() if key != USE}
    if own.get(USE) is None:
        kind = "tool_result" if RESULT in own else "text"
        return {"text": "", **others, "type": kind}
    use = as_object(own[USE], "a tool's use")
    kind = "server_tool_use" if use.get("type") == "server_tool_use" else "tool_use"
    return {**others, "input": {}, **use, "id": use.get("toolUseId"), "type": kind}


def _delta(own: dict[str, Json]) -> dict[str, Json]:
    others = {key: said for key, said in own.items() if key not in (USE, "text")}
    if own.get(USE) is not None:
        use = as_object(own[USE], "a tool's use")
        if use.get("name") is not None:  # which its start has
            raise told_in_two_ways()
        rest = {key: said for key, said in use.items() if key != "input"}
        words = use.get("input", "")
        return {**others, **rest, "type": "input_json_delta", "partial_json": words}
    if isinstance(own.get("text"), str):
        return {**others, "type": "text_delta", "text": own["text"]}
    return {**others, "type": "tool_result" if RESULT in own else "other_delta"}
