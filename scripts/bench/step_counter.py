"""A mitmproxy script that counts the steps of Python's interpreter in its process, by function.

It counts for `CALLS` calls, after as many to warm up, and writes what it found to the confdir.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from types import CodeType

from mitmproxy import ctx, http

CALLS = 40
NAME = "steps.json"
_TOOL = 3
"""An id that no debugger, profiler or coverage has (`sys.monitoring`)."""


class StepCounter:
    """Counts from one request's headers to another's."""

    def __init__(self) -> None:
        self._calls = 0
        self._steps: Counter[CodeType] = Counter()

    def requestheaders(self, _: http.HTTPFlow) -> None:
        """Begin, or end."""
        self._calls += 1
        monitoring = sys.monitoring
        if self._calls == CALLS:
            _let_streams_go_on()
            monitoring.use_tool_id(_TOOL, "steps")
            monitoring.register_callback(_TOOL, monitoring.events.INSTRUCTION, self._count)
            monitoring.set_events(_TOOL, monitoring.events.INSTRUCTION)
        elif self._calls == 2 * CALLS:
            monitoring.set_events(_TOOL, 0)
            monitoring.free_tool_id(_TOOL)
            self._write()

    def _count(self, code: CodeType, _: int) -> None:
        self._steps[code] += 1

    def _write(self) -> None:
        told: Counter[str] = Counter()
        for code, steps in self._steps.items():
            told[f"{code.co_filename}:{code.co_qualname}"] += steps
        each = {name: steps / CALLS for name, steps in told.items()}
        whole = Path(ctx.options.confdir) / f"{NAME}.part"
        whole.write_text(json.dumps(each))
        whole.rename(whole.with_name(NAME))


def _let_streams_go_on() -> None:
    """Have no stream pause because counting is slow."""
    feed = sys.modules.get("helm_boundary.proxy.stream_feed")
    if feed is not None:
        feed.Pace.SECONDS = 60.0


addons = [StepCounter()]
