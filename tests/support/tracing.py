"""A mitmproxy script that records which of our functions run, each when it is first called.

    mitmdump -s addon/helm.py -s tests/support/tracing.py       with TRACE_FILE in the environment

A section for each call, which begins with an empty line; a line for each function: its module
below its package, and its name.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from mitmproxy import ctx

_OURS = re.compile(r".*/helm_(?:boundary|receipts)/(.*)")


class Tracing:
    """A mitmproxy addon that traces calls."""

    def __init__(self) -> None:
        self._file = Path(os.environ["TRACE_FILE"])
        self._seen: set[tuple[str, str]] = set()

    def requestheaders(self, _: object) -> None:
        """Begin the section of a call."""
        self._seen.clear()
        self._write("\n")
        sys.setprofile(self._profile)
        threading.setprofile_all_threads(self._profile)

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        found = _OURS.fullmatch(frame.f_code.co_filename) if event == "call" else None
        if found is None:
            return
        called = (found[1], frame.f_code.co_name)
        if called not in self._seen:
            self._seen.add(called)
            self._write(" ".join(called) + "\n")

    def _write(self, text: str) -> None:
        with self._file.open("a") as out:
            out.write(text)


def load(_: object) -> None:
    """Add the script to mitmproxy's chain."""
    ctx.master.addons.add(Tracing())
