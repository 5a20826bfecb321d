"""Documents that no boundary would write: the policy fails or denies, and the engine survives."""

from __future__ import annotations

import contextlib
import functools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helm_boundary.policy.decision import parse_decision
from helm_boundary.policy.engines.evaluator import Evaluator
from helm_boundary.policy.engines.smoke_test import SAMPLES
from helm_boundary.policy.errors import EngineError
from helm_boundary.policy.sources.policy import read_policy

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
PATHS = [
    ("phase",),
    ("model",),
    ("operation",),
    ("operation", "category"),
    ("operation", "id"),
    ("http", "host"),
    ("client",),
    ("client", "principal"),
    ("texts",),
    ("texts", 0, "role"),
    ("findings",),
    ("findings", 0, "detector"),
    ("findings", 0, "pointer"),
    ("tools",),
    ("attachments",),
    ("parameters",),
    ("context", "now_ns"),
    ("response",),
    ("response", "tool_calls"),
    ("response", "tool_calls", 0, "name"),
    ("response", "tool_calls", 0, "arguments"),
    ("response", "tool_calls", 0, "valid_json"),
]


@functools.cache
def evaluator() -> Evaluator:
    """Switch every topic on, so that every rule meets what is wrong."""
    policy = read_policy([])
    data = {
        **policy.data,
        "hosts": {"allow": ["api.openai.com"], "allow_suffixes": []},
        "residency": {**policy.data["residency"], "allow": ["eu"]},
        "hours": {"days": ["Monday"], "from": 0, "to": 24, "timezone": "UTC"},
        "attachments": {"max_bytes": 1, "types": ["image/"], "hosts": []},
        "parameters": {"max": {"n": 1}, "forbid": {"store": [True]}},
        "tools": {
            **policy.data["tools"],
            "arguments": {"sample": [{"argument": "path", "within": ["/"]}]},
        },
    }
    return Evaluator(policy.modules, json.dumps(data))


def judge(document: Any) -> str:
    """Return the verdict, or ERROR: what the boundary would deny with PDP_ERROR."""
    try:
        return parse_decision(json.loads(evaluator().judge(json.dumps(document).encode()))).verdict
    except EngineError as error:
        # A poisoned engine must not come back.
        return "POISONED" if "recursion" in str(error) else "ERROR"


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_arbitrary_json_is_never_allowed_by_accident(document: Any) -> None:
    """Nothing that isn't a call of an allowed operation is allowed."""
    assert judge(document) != "ALLOW"


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), st.sampled_from(PATHS), JSON)
def test_one_wrong_value_in_a_document_never_crashes(
    name: str, path: tuple[Any, ...], value: Any
) -> None:
    """Each place of each sample, with anything in it: an answer or an error, never a crash."""
    document = json.loads(json.dumps(SAMPLES[name]))
    here: Any = document
    for part in path[:-1]:
        if part not in here and not (isinstance(here, list) and part < len(here)):
            return
        here = here[part]
    here[path[-1]] = value
    assert judge(document) in {"ALLOW", "DENY", "ESCALATE", "ERROR"}


@pytest.mark.parametrize(
    "text",
    [
        b'{"model": "x", "model": "gpt-4.1-mini"}',
        b'{"operation": 1e400}',
        b'{"operation": -0.0}',
        b'{"operation": 123456789012345678901234567890}',
        b'{"operation": "\\u0000"}',
        ("[" * 126 + "]" * 126).encode(),
        ("[" * 128 + "]" * 128).encode(),
        b'{"findings": [' + b'{"detector":"secret.x","pointer":"/a"},' * 5_000 + b"{}]}",
        b'{"phase": "\xef\xbf\xbd"}',
        b"\xff\xfe",
    ],
    ids=lambda text: str(text[:30]),
)
def test_extreme_texts_never_crash(text: bytes) -> None:
    """What readers of JSON disagree on, and what is too much."""
    with contextlib.suppress(EngineError):
        assert parse_decision(json.loads(evaluator().judge(text))).verdict == "DENY"
    assert judge(SAMPLES["a request of an unknown operation"]) == "DENY"
