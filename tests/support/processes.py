"""Several boundaries on one port, as `helm-boundary run --processes` starts them.

with Processes(upstream, state=tmp_path) as processes:
    processes.chat()
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from helm_boundary.runtime.health import Health, running_boundaries
from support.approvals import until
from support.boundary import StartFailed
from support.scene import JSON_BODY, PATIENT, Answer, chat_body
from support.scripted_policy import write_scripted_policy
from support.upstream import Upstream

_LISTENING = re.compile(r"helm-boundary listens on \S+:(\d+)")


SCRIPTED = Path("the scripted policy")
"""Stands for the policy of tests, which is written beside the state."""


class Processes:
    """`helm-boundary run --processes` before an upstream, while the `with` block lasts."""

    def __init__(
        self,
        upstream: Upstream | None = None,
        *,
        state: Path,
        mode: str | None = None,
        policy: Path | None = SCRIPTED,
        count: int = 2,
        options: Mapping[str, object] | None = None,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        port: int = 0,
    ) -> None:
        self.state, self.count, self.port = state / "helm", count, port
        self._log_file = state / "run.log"
        self._env = {
            **os.environ,
            "HELM_PINS": str(state / "pins"),
            "HOME": str(state),
            **(env or {}),
        }
        if policy == SCRIPTED:
            policy = write_scripted_policy(state / "policy")
        if mode is None:
            mode = f"reverse:{upstream.url}" if upstream else "regular"
        settings = {**PATIENT, "confdir": state / "mitmproxy", **(options or {})}
        self.command = [
            *(sys.executable, "-m", "helm_boundary", "run", "--processes", str(count)),
            *("--port", str(port), "--mode", mode),
            *("--state", str(self.state), *(("--policy", str(policy)) if policy else ())),
            *(part for name, value in settings.items() for part in ("--set", f"{name}={value}")),
            *args,
        ]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """The output so far."""
        return self._log_file.read_text(errors="replace")

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        assert self.process is not None
        return self.process.pid

    @property
    def ready(self) -> list[Health]:
        """The health of each process that judges calls."""
        return [health for health in running_boundaries(self.state) if health.ready]

    @property
    def pids(self) -> set[int]:
        """The process ids of those."""
        return {health.pid for health in self.ready}

    def chat(self, **changes: Any) -> Answer:
        """Post a chat completion on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(
                "POST", "/v1/chat/completions", chat_body(**changes), dict(JSON_BODY)
            )
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read(), "")
        finally:
            connection.close()

    def writer(self) -> str:
        """Return which writer wrote the receipt of an ordinary call."""
        answer = self.chat()
        assert answer.status == 200, answer
        return answer.headers["x-helm-receipt-id"].rpartition("-")[0]

    def start(self) -> Self:
        """Start, and wait until all are ready; raises StartFailed."""
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("wb") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._env,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 90
        while f"{self.count} processes are ready" not in self.log:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise StartFailed(self.process.wait(), self.log)
            time.sleep(0.05)
        found = _LISTENING.search(self.log)
        assert found, self.log
        self.port = int(found[1])
        return self

    def send(self, number: signal.Signals) -> None:
        """Send the supervisor a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, seconds: float = 40) -> int:
        """Wait for the end; returns the exit code."""
        assert self.process is not None
        return self.process.wait(seconds)

    def stop(self) -> int:
        """End all as a person would."""
        self.send(signal.SIGTERM)
        return self.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.stop()
        if error is not None:
            error.add_note(f"the end of the log:\n{self.log[-4000:]}")


def gone(pids: set[int], seconds: float = 40) -> None:
    """Wait until none of these processes is there."""
    until(lambda: not any(map(_is_there, pids)) or None, seconds)


def _is_there(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def told(answer: Answer) -> Any:
    """Return the boundary's own part of an answer."""
    return json.loads(answer.body)["helm"]
