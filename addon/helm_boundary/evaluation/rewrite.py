"""Rewrites of a body, as a decision asks: RFC 6902 operations, redactions and drops."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import jsonpatch
from jsonpointer import JsonPointer, JsonPointerException

type Json = Any

_OURS = frozenset({"drop", "redact"})


class RewriteError(Exception):
    """A rewrite that doesn't fit the body. Whoever asked for it must treat that as DENY."""


def apply_rewrite(body: Json, operations: Sequence[Mapping[str, Any]]) -> Json:
    """Return the body with the operations applied; ``body`` itself stays as it is.

    Redactions come first, because their spans (code points of the string at ``pointer``) are
    those of the body as it was judged; overlapping ones become one. Then what is to be dropped,
    whose pointers are that body's, too, from the last to the first. Then RFC 6902 operations in
    their order. Raises RewriteError when any of it doesn't fit.
    """
    rewritten = copy.deepcopy(body)
    redactions = [operation for operation in operations if operation["op"] == "redact"]
    redactions.sort(key=lambda operation: operation["pointer"])
    for pointer, group in groupby(redactions, key=lambda operation: operation["pointer"]):
        rewritten = _redact_at(rewritten, str(pointer), group)
    dropped = {str(operation["pointer"]) for operation in operations if operation["op"] == "drop"}
    for pointer in sorted(dropped, key=_place, reverse=True):
        _drop_at(rewritten, pointer)
    patch = [dict(operation) for operation in operations if operation["op"] not in _OURS]
    try:
        return jsonpatch.apply_patch(rewritten, patch) if patch else rewritten
    except (jsonpatch.JsonPatchException, JsonPointerException) as error:
        raise RewriteError(
            f"the policy's patch doesn't fit the body: {type(error).__name__}"
        ) from None
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        # jsonpatch lets these through for operations on values of the wrong type.
        raise RewriteError(
            f"the policy's patch doesn't fit the body: {type(error).__name__}"
        ) from None


def _place(pointer: str) -> list[tuple[int, str]]:
    """Return by what pointers are in order: an item of a list by its number."""
    return [(int(t), "") if t.isdecimal() else (0, t) for t in pointer.split("/")[1:]]


def _drop_at(body: Json, pointer: str) -> None:
    """Take an item of a list, or a member, out of a body."""
    try:
        holder, key = JsonPointer(pointer).to_last(body)
        del holder[key]
    except (JsonPointerException, TypeError, KeyError, IndexError) as error:
        raise RewriteError(f"what is to be dropped isn't there: {type(error).__name__}") from None


def redact(text: str, redactions: Iterable[Mapping[str, Any]]) -> str:
    """Replace each span of a text by its ``with``; overlapping spans become one."""
    pieces: list[str] = []
    position = 0
    for start, end, replacement in _spans(text, redactions):
        pieces += (text[position:start], replacement)
        position = end
    return "".join([*pieces, text[position:]])


def _spans(text: str, redactions: Iterable[Mapping[str, Any]]) -> list[tuple[int, int, str]]:
    spans: list[tuple[int, int, str]] = []
    ordered = sorted((item["start"], -item["end"], item["with"]) for item in redactions)
    for start, negative_end, replacement in ordered:
        end = -negative_end
        if not 0 <= start < end <= len(text):
            raise RewriteError(f"a redaction of {start} to {end} is outside its text")
        if spans and start < spans[-1][1]:
            before = spans[-1]
            spans[-1] = (before[0], max(before[1], end), before[2])
        else:
            spans.append((start, end, replacement))
    return spans


def _redact_at(body: Json, pointer: str, group: Iterable[Mapping[str, Any]]) -> Json:
    try:
        target = JsonPointer(pointer)
        text = target.resolve(body)
    except (JsonPointerException, TypeError, IndexError) as error:
        raise RewriteError(f"a redaction points to nothing: {type(error).__name__}") from None
    if not isinstance(text, str):
        raise RewriteError("a redaction points to something that is not a string")
    redacted = redact(text, group)
    return target.set(body, redacted) if target.parts else redacted
