"""Batches: an uploaded file whose every line is a call of its own.

Source: OpenAI's Batch API reference; a line is `{"custom_id", "method", "url", "body"}`.
"""

from __future__ import annotations

from ..calls import strict_json
from ..calls.call import Call, Json
from ..calls.forms import Part
from ..calls.refusal import Refusal, schema_violation
from ..dialects import dialect
from ..matching.catalogue import known_operations
from .recognised import Recognised

PURPOSE = b"batch"
MAX_LINES = 50_000
"""As many as the API itself takes."""


def lines_of(parts: tuple[Part, ...]) -> bytes | None:
    """The batch file in an upload's form, or None where the upload has another purpose."""
    found = {part.name: part.content for part in parts}
    return found.get("file") if found.get("purpose") == PURPOSE else None


def read_lines(lines: bytes) -> tuple[Recognised, ...]:
    """The calls in a batch's file.

    Raises:
        Refusal: a line that isn't a call which could be made by itself, with its number.
    """
    filled = [(n, line) for n, line in enumerate(lines.splitlines(), 1) if line.strip()]
    if not filled or len(filled) > MAX_LINES:
        raise schema_violation(f"a batch's file has 1 to {MAX_LINES} lines; this has {len(filled)}")
    return tuple(_read_line(number, line) for number, line in filled)


def _read_line(number: int, line: bytes) -> Recognised:
    try:
        return _read(strict_json.parse(line, "the line"))
    except Refusal as refusal:
        raise Refusal(
            refusal.code, f"line {number} of the batch: {refusal.message}", refusal.finality
        ) from None


def _read(value: Json) -> Recognised:
    asked = value if isinstance(value, dict) else {}
    method, url, body = asked.get("method"), asked.get("url"), asked.get("body")
    path = url.removeprefix("/v1") if isinstance(url, str) else ""  # Azure's have no version
    segments = path.strip("/").split("/")
    operation = known_operations().find("POST", segments) if method == "POST" else None
    if operation is None or operation.category != "inference" or not isinstance(body, dict):
        raise schema_violation("it isn't a POST of a known operation with an object as its body")
    call: Call = dialect(operation.dialect).read_request(body)
    return Recognised(operation, call, strict_json.dump(body))
