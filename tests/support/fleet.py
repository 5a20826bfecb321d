"""A fleet for tests: boundaries on one database, a log service, and commands that look at them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from helm_receipts.database.address import Address
from support.boundary import Boundary
from support.orphans import end_with_parent
from support.upstream import Upstream

ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = Path(sys.executable).parent / "helm-boundary"
_SERVED = re.compile(r"helm-boundary log: (http://\S+)/checkpoint")


def fleet_boundary(
    upstream: Upstream,
    folder: Path,
    database: Address,
    options: Mapping[str, object] | None = None,
    **settings: Any,
) -> Boundary:
    """Return a boundary, not started, whose receipts go into a database."""
    folder.mkdir(exist_ok=True)
    ours = {"helm_state": database.text, "helm_folder": folder / "helm", "helm_deadline_ms": 2000}
    slow = {"start_seconds": 90} | settings
    return Boundary(upstream, state=folder, options={**ours, **(options or {})}, **slow)


class LogService:
    """`helm-boundary log serve`, in a process of its own."""

    def __init__(self, database: Address, folder: Path) -> None:
        self.command = [
            str(_PROGRAM), "log", "serve", "--state", database.text, "--folder", str(folder),
            "--listen", "127.0.0.1:0",
        ]  # fmt: skip
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Start it and wait until it serves."""
        self._process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, text=True, start_new_session=True,
            preexec_fn=end_with_parent(),
        )  # fmt: skip
        assert self._process.stdout is not None
        found = _SERVED.match(self._process.stdout.readline())
        assert found is not None, self._process.poll()
        self.url = found[1]
        return self

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Stop it in an orderly way."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)

    def read(self, path: str) -> bytes:
        """Read what it serves."""
        with urllib.request.urlopen(f"{self.url}/{path}", timeout=20) as answer:
            content: bytes = answer.read()
            return content

    @property
    def size(self) -> int:
        """How many receipts the served checkpoint covers."""
        return int(self.read("checkpoint").split(b"\n")[1])

    def reaches(self, size: int, seconds: float = 60) -> None:
        """Wait until the log has so many receipts."""
        until = time.monotonic() + seconds
        while True:
            try:
                found = self.size
            except OSError:
                found = -1
            if found >= size:
                return
            assert time.monotonic() < until, f"{found} of {size}"
            time.sleep(0.2)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def command(*arguments: str | Path, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `helm-boundary` and return what it said."""
    own = {"HOME": str(home)} if home else {}
    return subprocess.run(
        [str(_PROGRAM), *map(str, arguments)],
        capture_output=True, text=True, check=False, env={**os.environ, **own}, timeout=300,
    )  # fmt: skip


def fsck(place: str | Path, *more: str | Path, home: Path | None = None) -> dict[str, Any]:
    """Run `receipts fsck --json` and return its result."""
    done = command("receipts", "fsck", "--json", *more, place, home=home)
    assert done.stdout, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def recomputed_root(state: Path) -> str:
    """Compute a log's root from its journals by a stranger's script."""
    program = ROOT / "tests" / "conformance" / "receipts" / "programs" / "recompute_root.py"
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(program), str(state)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def keys_of(folders: Sequence[Path]) -> list[str]:
    """Return `--key` options for what boundaries sign with, as an auditor would name them."""
    from helm_receipts.envelope.key_files import load

    found = []
    for folder in folders:
        public = folder / "receipt.pub.pem"
        public.write_bytes(load(folder / "keys" / "receipt.pem", "receipt").public.pem())
        found += ["--key", str(public)]
    return found
