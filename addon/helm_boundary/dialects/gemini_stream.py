"""An answer of Gemini's, whole or event by event: each part is whole, texts go on.

Source: the Gemini API's reference, `GenerateContentResponse` and `UsageMetadata`.
"""

from __future__ import annotations

from dataclasses import replace

from helm_boundary.calls.call import UNREAD, Answer, Call, Json, Text, Usage
from helm_boundary.calls.refusal import schema_violation

from .answer_members import GEMINI_ANSWER, GEMINI_CANDIDATE, GEMINI_CONTENT
from .gemini_partial_calls import PartialCalls, asks_for_partial_calls
from .gemini_parts import (
    check_spelling,
    count_calls,
    member,
    others_of_part,
    own_calls,
    parts_of,
    texts_of,
)
from .json_shape import as_objects, index_of, text_of
from .plain_stream import PlainStream
from .usage import count_of, updated


class GeminiStream(PlainStream):
    """Reads answers, of which each goes on with the last."""

    def __init__(self, status: int, asked: Call = UNREAD) -> None:
        super().__init__(status)
        self._seen: set[int] = set()
        self._partial = PartialCalls(are_asked_for=asks_for_partial_calls(asked))

    def take(self, value: dict[str, Json]) -> None:
        """Take one answer in; Refusal where a tool call could hide in it."""
        self._read_object(value)

    def whole(self) -> Answer:
        """Say what has come, when nothing more does."""
        return replace(self.answer(), complete=True)

    def _read_object(self, value: dict[str, Json]) -> None:
        check_spelling(value)
        candidates = as_objects(member(value, "candidates") or [], "candidates")
        parts = [part for each in candidates for part in parts_of(each.get("content"))]
        if count_calls(value) != sum(count_calls(own_calls(part)) for part in parts):
            raise schema_violation("the answer carries a tool call where none belongs")
        self._model = text_of(member(value, "modelVersion")) or self._model
        self._id = text_of(member(value, "responseId")) or self._id
        self._usage = updated(self._usage, _usage(member(value, "usageMetadata")))
        for at, candidate in enumerate(candidates):
            self._read_candidate(candidate, at)
        self._told.tell(texts_of(GEMINI_ANSWER.others(value), "", "assistant"))
        self._failed = self._failed or bool(value.get("error"))
        feedback = member(value, "promptFeedback")
        is_blocked = isinstance(feedback, dict) and member(feedback, "blockReason") is not None
        self._ended = is_blocked or (bool(self._seen) and self._seen <= self._reasons.keys())

    def _read_candidate(self, candidate: dict[str, Json], at: int) -> None:
        given = candidate.get("index")
        index = index_of(at if given is None else given, "a candidate", 128)
        self._seen.add(index)
        pointer = f"/candidates/{index}/content"
        content = candidate.get("content")
        for place, part in enumerate(parts_of(content)):
            self._calls += self._partial.read(part, index, f"{pointer}/parts/{place}")
            is_thought = part.get("thought") is True
            self._said.append("" if is_thought else text_of(part.get("text")))
            told = others_of_part(part)
            where = f"{pointer}/thought" if is_thought else pointer
            self._grow(texts_of(told, where, "assistant"))
        if isinstance(content, dict):
            self._told.tell(texts_of(GEMINI_CONTENT.others(content), pointer, "assistant"))
        others = GEMINI_CANDIDATE.others(candidate)
        self._told.tell(texts_of(others, f"/candidates/{index}", "assistant"))
        reason = text_of(member(candidate, "finishReason"))
        if reason:
            self._reasons[index] = reason

    def _has_open(self) -> bool:
        return self._partial.are_open


def whole_texts(body: dict[str, Json]) -> tuple[Text, ...]:
    """List every text of an answer that has come whole, each where it stands."""
    found = texts_of(GEMINI_ANSWER.others(body), "", "assistant")
    for at, candidate in enumerate(as_objects(member(body, "candidates") or [], "candidates")):
        where, content = f"/candidates/{at}", candidate.get("content")
        found += texts_of(GEMINI_CANDIDATE.others(candidate), where, "assistant")
        if isinstance(content, dict):
            told = {**GEMINI_CONTENT.others(content), "parts": content.get("parts")}
            found += texts_of(told, f"{where}/content", "assistant")
    return tuple(found)


def _usage(counts: Json) -> Usage:
    if not isinstance(counts, dict):
        return Usage()
    thoughts = count_of(member(counts, "thoughtsTokenCount"))
    output = count_of(member(counts, "candidatesTokenCount"))
    if output is not None and thoughts is not None:
        output += thoughts  # what is billed as output; others count it so by themselves
    asked = count_of(member(counts, "promptTokenCount"))
    of_tools = count_of(member(counts, "toolUsePromptTokenCount"))
    if asked is not None and of_tools is not None:
        asked += of_tools  # what the provider's own tools told the model, billed as input
    return Usage(
        input_tokens=asked,
        output_tokens=output,
        cached_tokens=count_of(member(counts, "cachedContentTokenCount")),
        reasoning_tokens=thoughts,
    )
