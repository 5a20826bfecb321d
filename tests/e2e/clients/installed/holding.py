"""What every program here does: asks for one stream after another, and says what it would run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

COUNT, MODEL, *ROOTS = sys.argv[1:]
TOOLS = ("look", "evil", "other")
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": True}
FUNCTIONS = [
    {"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in TOOLS
]
FLAT = [{"type": "function", "name": name, "parameters": SCHEMA} for name in TOOLS]
BLOCKS = [{"name": name, "input_schema": SCHEMA} for name in TOOLS]
SAID = [{"role": "user", "content": "Look."}]

type Hold = Callable[[str], Iterable[tuple[str, Any]]]
"""Asks under a base URL; yields names and arguments of the calls that the client holds."""


def report(hold: Hold) -> None:
    """Print a line of JSON for each stream: the calls, and the error that ended it."""
    for root in ROOTS:
        for case in range(int(COUNT)):
            calls, error = [], None
            try:
                for name, arguments in hold(f"{root}/{case}"):
                    calls.append([name, arguments])
            except Exception as raised:
                error = f"{type(raised).__name__}: {raised}"[:300]
            print(json.dumps({"calls": calls, "error": error}, default=str), flush=True)
