"""Rewrites change what they name and nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.evaluation.rewrite import RewriteError, apply_rewrite

BODY = {"messages": [{"content": "write to 😀 ada@x.org or bob@x.org"}], "model": "m"}
POINTER = "/messages/0/content"


def redact(start: int, end: int, replacement: str = "[x]", pointer: str = POINTER) -> Any:
    return {"op": "redact", "pointer": pointer, "start": start, "end": end, "with": replacement}


@pytest.mark.parametrize(
    ("operations", "content"),
    [
        ([redact(11, 20)], "write to 😀 [x] or bob@x.org"),
        ([redact(11, 20), redact(24, 33)], "write to 😀 [x] or [x]"),
        ([redact(24, 33), redact(11, 20)], "write to 😀 [x] or [x]"),
        ([redact(11, 15), redact(15, 20)], "write to 😀 [x][x] or bob@x.org"),
        ([redact(11, 18), redact(15, 20, "[y]")], "write to 😀 [x] or bob@x.org"),
        ([redact(11, 20, "[x]"), redact(13, 15, "[y]")], "write to 😀 [x] or bob@x.org"),
        ([redact(0, 33, "")], ""),
        ([redact(9, 10, "")], "write to  ada@x.org or bob@x.org"),
    ],
)
def test_redactions_refer_to_the_original_body(operations: Any, content: str) -> None:
    """Order, neighbours and overlaps don't matter; positions are those that were judged."""
    assert apply_rewrite(BODY, operations)["messages"][0]["content"] == content


def test_patches_follow_redactions() -> None:
    """RFC 6902 operations work on the redacted body, in their order."""
    operations = [
        {"op": "copy", "from": POINTER, "path": "/seen"},
        redact(0, 33, "gone"),
        {"op": "remove", "path": "/model"},
        {"op": "add", "path": "/store", "value": False},
    ]
    assert apply_rewrite(BODY, operations) == {
        "messages": [{"content": "gone"}],
        "seen": "gone",
        "store": False,
    }


@pytest.mark.parametrize(
    "operation",
    [
        redact(0, 34),
        redact(5, 5),
        redact(6, 5),
        redact(-1, 5),
        redact(0, 1, pointer="/model/0"),
        redact(0, 1, pointer="/nosuch"),
        redact(0, 1, pointer="/messages"),
        redact(0, 1, pointer="/messages/9/content"),
        redact(0, 1, pointer="messages"),
        {"op": "remove", "path": "/nosuch"},
        {"op": "remove", "path": "/messages/9"},
        {"op": "replace", "path": "/model/x", "value": 1},
        {"op": "add", "path": "/model/x", "value": 1},
        {"op": "add", "path": "nosuch", "value": 1},
        {"op": "test", "path": "/model", "value": "n"},
        {"op": "move", "from": "/messages", "path": "/messages/0/x"},
    ],
    ids=str,
)
def test_a_rewrite_that_does_not_fit_is_an_error(operation: Any) -> None:
    """Nothing is half done, and no other exception escapes."""
    before = copy.deepcopy(BODY)
    with pytest.raises(RewriteError):
        apply_rewrite(BODY, [redact(0, 1), operation])
    assert before == BODY


def test_the_whole_body_can_be_a_string() -> None:
    """The empty pointer is the body itself."""
    assert apply_rewrite("secret", [redact(0, 6, "x", pointer="")]) == "x"


@given(st.text(), st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)), max_size=6))
def test_redaction_keeps_exactly_what_no_span_covers(
    text: str, spans: list[tuple[int, int]]
) -> None:
    """What is left is the text without the covered characters, in order; BODY isn't touched."""
    inside = [(start, start + size) for start, size in spans if start + size <= len(text)]
    covered = {i for start, end in inside for i in range(start, end)}
    kept = "".join(letter for i, letter in enumerate(text) if i not in covered)
    body = {"a": text}
    operations = [redact(start, end, "", pointer="/a") for start, end in inside]
    assert apply_rewrite(body, operations) == {"a": kept}
    assert body == {"a": text}


def test_what_is_dropped_is_named_by_its_first_place() -> None:
    """Any order, ten items and more, and beside redactions: pointers are those that were judged."""
    body = {"tools": [{"name": str(at)} for at in range(12)], "note": "secret", "a/b": 1}
    drops = [{"op": "drop", "pointer": f"/tools/{at}"} for at in (1, 10, 0, 11, 2, 2)]
    more = [
        {"op": "drop", "pointer": "/a~1b"},
        redact(0, 6, pointer="/note"),
        redact(0, 1, pointer="/tools/3/name"),
    ]
    rewritten = apply_rewrite(body, [*drops, *more])
    assert [tool["name"] for tool in rewritten["tools"]] == ["[x]", *"456789"]
    assert rewritten == {"tools": rewritten["tools"], "note": "[x]"}


@pytest.mark.parametrize(
    "pointer", ["/tools/9", "/nothing", "/tools/-", "/tools/0/x", "", "/tools/x"]
)
def test_what_is_not_there_cannot_be_dropped(pointer: str) -> None:
    """A policy that asks for it is in doubt, and so are we."""
    with pytest.raises(RewriteError):
        apply_rewrite({"tools": ["a"]}, [{"op": "drop", "pointer": pointer}])
