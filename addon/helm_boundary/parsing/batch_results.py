"""A batch's results: a file whose every line is the answer to a call of its own.

Sources: OpenAI's Batch API reference, where a line is `{"custom_id", "response": {"body"}}`, and
Anthropic's of Message Batches, where it is `{"custom_id", "result": {"type", "message"}}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace

from helm_boundary.calls.call import Answer, Json, Message, Operation, ToolCall, Usage
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.dialects import Dialect, dialect, generic
from helm_boundary.dialects.json_shape import check_names
from helm_boundary.dialects.loose import SHAPES
from helm_boundary.wire import strict_json

IN_ONE_ANSWER = "anthropic.retrieveMessageBatchResults"
"""The operation that is answered by nothing else."""
_FILES = frozenset({"downloadFile", IN_ONE_ANSWER})
_PLACES = (("response", "body"), ("result", "message"))
"""Where a line has the answer: OpenAI's, then Anthropic's."""
_SHAPES = ("chat", "messages", "responses")
_LINE_ENDS = b"\r\n"
_BLANK = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its end; `answer` is what it says, or why that can't be told.

    `pointer` counts lines from zero, as if the file were a list.
    """

    raw: bytes
    pointer: str
    value: Json
    answer: Answer | Refusal

    @property
    def name(self) -> str:
        """What people call it."""
        return f"line {int(self.pointer[1:]) + 1} of the results"

    @property
    def end(self) -> bytes:
        """How it ends: with a line feed, with nothing."""
        return self.raw[len(self.raw.rstrip(_LINE_ENDS)) :]

    @property
    def is_blank(self) -> bool:
        """Whether nothing is in it."""
        return not self.raw.strip(_BLANK)


def may_bring_results(operation: Operation) -> bool:
    """Tell whether an answer may be a batch's results, judged whole whatever it claims to be."""
    return operation.id in _FILES


def read_results(operation: Operation, status: int, body: bytes) -> tuple[Line, ...]:
    """Read the lines of a batch's results; empty where the body is something else.

    Raises:
        Refusal: it is a part of results, in which lines may be cut.
    """
    if not may_bring_results(operation) or not body.strip(_BLANK):
        return ()
    lines = tuple(_line(raw, at, status) for at, raw in enumerate(_split(body)))
    is_results = operation.id == IN_ONE_ANSWER or any(_is_result(line.value) for line in lines)
    if is_results and status == 206:
        raise schema_violation("a part of a batch's results can't be judged; ask for the whole")
    return lines if is_results else ()


def _split(body: bytes) -> list[bytes]:
    """Split a body into its lines; one that is written as one JSON value is one line."""
    try:
        strict_json.parse(body)
        return [body]
    except Refusal:
        return body.splitlines(keepends=True)


def _is_result(value: Json) -> bool:
    """Tell whether a line has an answer where these APIs have it, or would by its id."""
    told = value if isinstance(value, dict) else {}
    holders = [(told.get(holder), member) for holder, member in _PLACES]
    return any(
        isinstance(inner, dict) and ("custom_id" in told or isinstance(inner.get(member), dict))
        for inner, member in holders
    )


def _line(raw: bytes, at: int, status: int) -> Line:
    value: Json = None
    try:
        if not raw.strip(_BLANK):
            return Line(raw, f"/{at}", None, Answer(status))
        value = strict_json.parse(raw, "the line")
        return Line(raw, f"/{at}", value, read_line(value, status))
    except Refusal as refusal:
        return Line(raw, f"/{at}", value, refusal)


def read_line(value: Json, status: int) -> Answer:
    """Read what a line says; its pointers are into the line.

    Raises:
        Refusal: it is no object, or tells an answer in a way that readers may not all see.
    """
    if not isinstance(value, dict):
        raise schema_violation("the line isn't a JSON object")
    _check_members(value)
    place = _place_of(value)
    if place is None:
        return generic.read_response(status, value)
    holder, member = place
    inner = value[holder][member]
    beside = {**value, holder: {k: v for k, v in value[holder].items() if k != member}}
    rest = generic.read_response(status, beside)
    if rest.tool_calls:
        raise schema_violation("the line has a tool call beside its answer")
    answer = moved(_reader_of(inner).read_response(status, inner), f"/{holder}/{member}")
    return replace(answer, texts=(*answer.texts, *rest.texts))


def _check_members(value: dict[str, Json]) -> None:
    check_names(value, "the line")
    for holder, member in _PLACES:
        inner = value.get(holder)
        inside = inner if isinstance(inner, dict) else {}
        check_names(inside, "the line")
        for names, name in ((value, holder), (inside, member)):
            if any(key != name and key.casefold() == name for key in names):
                raise schema_violation("the line names a member in other letters than the API")


def _place_of(value: dict[str, Json]) -> tuple[str, str] | None:
    """Find where a line has the answer; None where it has none.

    Raises:
        Refusal: it has two.
    """
    found = [
        (holder, member)
        for holder, member in _PLACES
        if isinstance(inner := value.get(holder), dict) and isinstance(inner.get(member), dict)
    ]
    if len(found) > 1:
        raise schema_violation("the line has two answers")
    return found[0] if found else None


def _reader_of(answer: dict[str, Json]) -> Dialect:
    """Choose what reads an answer, by its shape.

    Raises:
        Refusal: it is in the shape of two dialects.
    """
    members = {key.casefold(): value for key, value in answer.items()}
    found = [name for name in _SHAPES if SHAPES[name](members)]
    if len(found) > 1:
        raise schema_violation("the line's answer is in the shape of two APIs")
    if found == ["chat"] and not _has_messages(members["choices"]):
        return dialect("completions")
    return dialect(found[0]) if found else generic


def _has_messages(choices: Json) -> bool:
    items = choices if isinstance(choices, list) else []
    return any(isinstance(each, dict) and "message" in each for each in items)


def merged(lines: Sequence[Line]) -> Answer:
    """Return all that the lines say as one answer, for people and receipts; what can be read."""
    told = [moved(line.answer, line.pointer) for line in lines if isinstance(line.answer, Answer)]
    models = {answer.model for answer in told if answer.model}
    return Answer(
        told[0].status if told else 0,
        model=models.pop() if len(models) == 1 else None,
        finish_reasons=tuple(reason for answer in told for reason in answer.finish_reasons),
        messages=tuple(message for answer in told for message in answer.messages),
        texts=tuple(text for answer in told for text in answer.texts),
        tool_calls=tuple(call for answer in told for call in answer.tool_calls),
        usage=_sum(answer.usage for answer in told),
    )


def _sum(usages: Iterator[Usage]) -> Usage:
    counts = zip(*(astuple(usage) for usage in usages), strict=True)
    known = ([count for count in each if count is not None] for each in counts)
    return Usage(*(sum(each) if each else None for each in known))


def moved(answer: Answer, before: str) -> Answer:
    """Return an answer whose pointers begin with another one."""

    def call(told: ToolCall) -> ToolCall:
        return replace(told, pointer=before + told.pointer)

    def message(told: Message) -> Message:
        calls = tuple(map(call, told.tool_calls))
        return replace(told, pointer=before + told.pointer, tool_calls=calls)

    return replace(
        answer,
        messages=tuple(map(message, answer.messages)),
        texts=tuple(replace(text, pointer=before + text.pointer) for text in answer.texts),
        tool_calls=tuple(map(call, answer.tool_calls)),
    )
