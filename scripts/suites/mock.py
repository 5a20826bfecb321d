"""Steady, the mock server that these suites are written for, and how many calls it has seen."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

_STYLES = ("query-array", "form-array", "query-object", "form-object")
"""What the SDKs' own scripts have Steady read as `name[key]`."""
_PATIENCE = 60.0
_REQUEST = b'{"type":"request"'


class MockFailed(Exception):
    """A mock server that doesn't answer, with what it said."""


class Mock:
    """Steady on a port of this machine, for one run of a suite.

    The port is the one that the suites expect: one of them treats it in a way of its own.
    """

    def __init__(self, program: Path, spec: Path, port: int, folder: Path) -> None:
        styles = [f"--validator-{style}-format=brackets" for style in _STYLES]
        where = ["--host", "127.0.0.1", "-p", str(port), "--log-format", "json"]
        self._command = [str(program), *where, *styles, str(spec)]
        self._log = folder / "mock.log"
        self._address = f"http://127.0.0.1:{port}/_x-steady/health"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def calls(self) -> int:
        """How many requests have come, those for its own pages apart."""
        return sum(line.startswith(_REQUEST) for line in self._log.read_bytes().splitlines())

    def __enter__(self) -> Self:
        if self._answers():
            raise MockFailed(f"something else answers at {self._address}; end it, or take --port")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait(self._process)
        except BaseException:
            self._stop(self._process)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._stop(self._process)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                said = self._log.read_text("utf-8", "replace")
                raise MockFailed(f"expected an answer at {self._address}; it said:\n{said}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._address, timeout=5):  # noqa: S310
                return True
        except (urllib.error.URLError, OSError):
            return False

    @staticmethod
    def _stop(process: subprocess.Popen[bytes]) -> None:
        process.terminate()  # its launcher passes this on
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
