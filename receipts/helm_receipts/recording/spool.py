"""The spool: outcomes that the database hasn't taken yet, in a file of the process's own folder.

A line for each, without content: what is hashed into a receipt is left out. The next start records
these outcomes in place of "killed". Whatever can't be read there is left out, for the call is then
closed as one that was killed: the spool only ever says more.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from helm_receipts.envelope.statement import (
    BudgetLine,
    Cost,
    Coverage,
    Draft,
    FlowFacts,
    Outcome,
    PolicyRef,
    Reason,
)
from helm_receipts.storage import durable

_MOST_BYTES = 64 * 2**20
_LEFT_OUT = ("subjects", "rewrite", "approval", "client", "tool_calls", "tools")


class Spool:
    """One writer's spool. Errors of the disk are nobody's business: memory has the same."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = path.stat().st_size if path.exists() else 0

    def keep(self, draft: Draft) -> None:
        """Add an outcome, unless the spool is full."""
        line = json.dumps(_written(draft)).encode() + b"\n"
        if self._size + len(line) > _MOST_BYTES:
            return
        with suppress(OSError):
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self._path, flags, 0o600)
            try:
                durable.write_all(descriptor, line)
            finally:
                os.close(descriptor)
            self._size += len(line)

    def read(self) -> dict[str, Draft]:
        """Return what is kept, by the ids of calls."""
        found: dict[str, Draft] = {}
        for line in self._path.read_bytes().splitlines() if self._path.exists() else ():
            with suppress(ValueError, KeyError, TypeError):
                draft = _read(json.loads(line))
                if draft.flow is not None:
                    found[draft.flow.id] = draft
        return found

    def clear(self) -> None:
        """Forget all of it: it was recorded."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
            self._size = 0


def _written(draft: Draft) -> dict[str, Any]:
    # Only what is kept is copied: bodies may be large.
    kept = replace(draft, subjects={}, rewrite=None, tool_calls=(), tools=())
    return {name: value for name, value in asdict(kept).items() if name not in _LEFT_OUT}


def _read(value: Mapping[str, Any]) -> Draft:
    outcome = value["outcome"]
    texts = {name: tuple(outcome[name]) for name in ("finish_reasons", "withheld")}
    return Draft(
        phase="outcome",
        verdict=value["verdict"],
        enforcement=value["enforcement"],
        policy=PolicyRef(**value["policy"]) if value["policy"] else None,
        reasons=tuple(Reason(**each) for each in value["reasons"]),
        flow=FlowFacts(**value["flow"]),
        coverage=Coverage(**value["coverage"]) if value["coverage"] else None,
        outcome=Outcome(**(outcome | texts)),
        event={**(value["event"] or {}), "kind": "spooled"},
        budget=tuple(BudgetLine(**each) for each in value["budget"]),
        cost=Cost(**value["cost"]) if value["cost"] else None,
    )
