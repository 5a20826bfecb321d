"""The output of verifying commands: the answer, what it covers, and what it does not prove."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from helm_receipts.audit.verify import NOT_PROVEN
from helm_receipts.errors import Broken, ReceiptError
from helm_receipts.export.explain import printable
from helm_receipts.printing import while_read

from .exits import INCOMPLETE, NO, YES
from .verification_keys import FOUND

_WORDS = {YES: "VERIFIED", NO: "NOT VERIFIED", INCOMPLETE: "TRUE BUT INCOMPLETE"}
_NOTHING = "NOTHING TO VERIFY"
_LABELS = {
    "bad": "first bad",
    "checked": "checked",
    "receipts": "receipts",
    "calls": "calls",
    "writers": "writers",
    "size": "in the log",
    "root": "root",
    "origin": "origin",
    "index": "index",
    "kept": "continues",
    "witnesses": "witnessed",
    "timestamps": "timestamped",
    "notInLog": "not in log",
    "openCalls": "calls open",
    "running": "not stopped",
    "torn": "torn",
    "setBack": "clock back",
    "emptied": "emptied",
    "erased": "erased",
    "pruned": "pruned",
    "key": "key",
}


def nothing(where: object) -> dict[str, Any]:
    """Return the result where there is no receipt: what isn't there isn't verified."""
    return {"exit": INCOMPLETE, "receipts": 0, "checked": f"nothing: no receipt is in {where}"}


def refusal(error: ReceiptError) -> dict[str, Any]:
    """Return the result for something that doesn't verify."""
    result: dict[str, Any] = {"exit": NO, "bad": str(error)}
    if isinstance(error, Broken):
        result |= {"kind": error.kind, "place": error.place}
    return result


def finish(result: dict[str, Any], whose: str, as_json: bool) -> NoReturn:
    """Print a result and end with its exit code.

    With keys that came out of the folder itself, a yes is only "true but incomplete".
    """
    if result["exit"] == YES and FOUND in whose:
        result["exit"] = INCOMPLETE
    if result.get("receipts") == 0 and result["exit"] == YES:
        result["exit"] = INCOMPLETE
    result |= {"key": whose, "notProven": list(NOT_PROVEN)}
    with while_read():  # the exit code says it all the same
        click.echo(json.dumps(result) if as_json else "\n".join(_text(result)))
    raise SystemExit(result["exit"])


def _text(result: dict[str, Any]) -> Iterator[str]:
    is_nothing = result.get("receipts") == 0 and result["exit"] == INCOMPLETE
    yield _NOTHING if is_nothing else _WORDS[result["exit"]]
    for name, label in _LABELS.items():
        value = result.get(name)
        if value in (None, "", [], 0) and name not in ("receipts", "index"):
            continue
        if value is not None:
            for part in value if isinstance(value, list) else [value]:
                yield f"  {label:<13}{printable(str(part))}"
    yield "This does not prove"
    yield from (f"  - {claim}" for claim in NOT_PROVEN)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar with rate and time left; gives a function that takes (done, total)."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}/s"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    shown = console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task(label, total=None, rate="0")

        def update(done: int, total: int) -> None:
            speed = bar.tasks[0].speed or 0
            bar.update(task, completed=done, total=total, rate=f"{speed:,.0f}")

        yield update
