"""The log's line for each call, where mitmproxy prints calls at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.scene import scene

_LINE = re.compile(r"helm-boundary: (ALLOW|DENY) .*createChatCompletion .*\(receipt \S+\)")


@pytest.mark.parametrize(("detail", "lines"), [(1, ["ALLOW", "DENY"]), (0, [])])
def test_a_call_has_one_line_of_the_log(tmp_path: Path, detail: int, lines: list[str]) -> None:
    """With its verdict and its receipt; with flow_detail=0 there is none, as of mitmproxy's own."""
    with scene(tmp_path, options={"flow_detail": detail}) as stage:
        assert stage.chat().status == 200
        assert stage.chat(model="denied").status == 403
        log = stage.boundary.state.parent
    printed = "\n".join(file.read_text() for file in log.rglob("*.log"))
    assert _LINE.findall(printed) == lines
