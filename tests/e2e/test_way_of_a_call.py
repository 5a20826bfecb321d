"""The way of a call in docs/architecture.md, compared with the way that a call takes."""

from __future__ import annotations

import re

import pytest

from support.approvals import ask, body
from support.boundary import ROOT, Boundary
from support.pages import DOCS, section
from support.upstream import ToolCall, Turn, Upstream, reply_to_chat

PAGE = DOCS / "architecture.md"
TRACING = ROOT / "tests" / "support" / "tracing.py"
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {}}}]
_ITEM = re.compile(r"^\d+\. (.*\n(?:    ?\S?.*\n|   \S.*\n)*)", re.MULTILINE)
_FUNCTION = re.compile(r"`(\w+)` in\s+`([\w/]+\.py)`")


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """Return the functions that ran for a whole call and for a stream: module and name."""
    folder = tmp_path_factory.mktemp("traced")
    trace = folder / "trace"
    with (
        Upstream() as upstream,
        Boundary(
            upstream,
            state=folder,
            args=["-s", str(TRACING)],
            env={"TRACE_FILE": str(trace)},
            options={"helm_deadline_ms": 10_000},
        ) as boundary,
    ):
        assert ask(boundary, body("Write to ada@example.org")).status == 200
        turn = Turn("", (ToolCall("get_weather", "{}"),))
        upstream.answer(lambda request: reply_to_chat(request, turn))
        ask(boundary, body("Weather?", stream=True, tools=TOOLS))
    return [call.split("\n") for call in trace.read_text().strip().split("\n\n")]


@pytest.mark.parametrize(
    ("title", "call"),
    [("The way of a request", 0), ("The way of a whole response", 0), ("The way of a stream", 1)],
)
def test_functions_run_in_the_order_of_the_page(
    ways: list[list[str]], title: str, call: int
) -> None:
    """Each that the numbered steps name is first called after the one before."""
    told = [
        f"{module} {name}"
        for item in _ITEM.findall(section(PAGE, title))
        for name, module in _FUNCTION.findall(item)
    ]
    assert len(told) >= 10
    assert [each for each in told if each not in ways[call]] == []
    assert told == sorted(told, key=ways[call].index)
