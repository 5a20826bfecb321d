"""What the index keeps of a receipt, read from its line and unverified."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from helm_receipts.envelope import dsse
from helm_receipts.envelope.record import receipt_id
from helm_receipts.errors import Broken, EnvelopeError
from helm_receipts.journal.reader import Line

MAX_SHOWN = 256
"""Characters of a text in the index: lists show no more. The receipt itself has all of it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST = 2**63 - 1


def read_row(line: Line) -> tuple[Any, ...]:
    """Read the receipt on a line into the index's columns; `Broken` for what is none."""
    try:
        predicate = orjson.loads(dsse.parse_line(line.raw).payload)["predicate"]
        return _plain(_row(line, predicate))
    except (EnvelopeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Broken("malformed", line, f"not a receipt: {error}") from error


def _row(line: Line, said: dict[str, Any]) -> tuple[Any, ...]:
    sequence, flow = said["sequence"], said.get("flow") or {}
    client, outcome = said.get("client") or {}, said.get("outcome") or {}
    coverage = said.get("coverage") or {}
    event, usage = said.get("event") or {}, outcome.get("usage") or {}
    reasons = dict.fromkeys((reason["code"], reason["rule"]) for reason in said["reasons"])
    codes = [code for code, _ in reasons]
    return (
        receipt_id(sequence["writer"], sequence["number"]),
        sequence["writer"],
        line.segment.name,
        line.offset,
        len(line.raw),
        microseconds(said["decidedAt"]),
        said["phase"],
        said["verdict"],
        said["enforcement"],
        _text(flow.get("operation")),
        _text(flow.get("dialect")),
        _text(flow.get("host")),
        _text(flow.get("model")),
        _text(client.get("principal")),
        _text(client.get("keyId")),
        flow.get("id"),
        _text(codes[0]) if codes else None,
        _list(codes),
        _list(rule for _, rule in reasons),
        outcome.get("end"),
        outcome.get("status"),
        usage.get("inputTokens"),
        usage.get("outputTokens"),
        outcome.get("requestMicroseconds"),
        ((said.get("policy") or {}).get("digest") or {}).get("sha256"),
        _text(event.get("kind")),
        _text((said.get("approval") or {}).get("by")),
        f"{coverage.get('request')} {coverage.get('response')}" if coverage else None,
        (said.get("cost") or {}).get("nanodollars"),
    )


def microseconds(text: str) -> int:
    """Read a receipt's time, RFC 3339 in UTC, as microseconds since 1970; ValueError for others."""
    return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row that SQLite can keep; ValueError for one of other values."""
    for value in row:
        if type(value) is int and -_LARGEST <= value <= _LARGEST:
            continue
        if value is not None and type(value) is not str:
            raise ValueError(f"expected texts and numbers, found {type(value).__name__}")
    return row


def _text(text: str | None) -> str | None:
    if text is None or len(text) <= MAX_SHOWN:
        return text
    return text[: MAX_SHOWN - 1] + "…"


def _list(names: Any) -> str:
    found = " ".join(name[:MAX_SHOWN].replace(" ", "_") for name in names)
    return f" {found} " if found else ""
