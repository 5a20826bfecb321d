"""The boundary as people run it: the real mitmdump with the real addon, in a process of its own.

with Boundary(upstream=upstream, state=tmp_path) as boundary:
    client = OpenAI(base_url=boundary.url + "/v1", api_key="any")
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from support.orphans import end_with_parent
from support.upstream import Upstream

ROOT = Path(__file__).resolve().parents[2]
ADDON = ROOT / "addon" / "helm.py"
_LISTENING = re.compile(r"[Pp]roxy .*?listening at [^\s/]*:(\d+)")
# mitmproxy listens before it gives up on a script that doesn't load; the boundary's own first line
# comes when all is well.
_READY = "helm-boundary listens on"
_POLL = 0.02
_NOTED = 4000


class StartFailed(Exception):
    """A process that ended, or didn't listen in time; has its exit code and its output."""

    def __init__(self, exit_code: int | None, log: str) -> None:
        super().__init__(f"expected a listening proxy; exit code {exit_code}, log:\n{log}")
        self.exit_code = exit_code
        self.log = log


class Boundary:
    """mitmdump with `-s addon/helm.py` on a free port of 127.0.0.1, while the `with` block lasts.

    With `upstream` it is a reverse proxy for that server, else a forward proxy; `mode` says
    otherwise. `options` are set with `--set`; None as `addon` runs stock mitmproxy. mitmproxy's own
    folder (its certificate authority, its config.yaml) is `state`/mitmproxy unless `confdir` says
    otherwise; the boundary's is `state`/helm.
    """

    def __init__(
        self,
        upstream: Upstream | None = None,
        *,
        state: Path,
        mode: str | None = None,
        policy: Path | None = None,
        options: Mapping[str, object] | None = None,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        program: str = "mitmdump",
        addon: Path | None = ADDON,
        confdir: Path | None = None,
        start_seconds: float = 30,
    ) -> None:
        self.port = 0
        self.state = state / "helm"
        self.confdir = confdir or state / "mitmproxy"
        with_ours = any(Path(each).name == ADDON.name for each in (addon or "", *args))
        self._ready = _READY if with_ours else ""
        self._log_file = state / f"{Path(program).name}.log"
        self._start_seconds = start_seconds
        pinned = {"HELM_PINS": str(state / "pins")}  # where no test run has said so
        own = {"HOME": str(state), "PYTHONUNBUFFERED": "1"}
        self._env = {**pinned, **os.environ, **own, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None
        if mode is None:
            mode = f"reverse:{upstream.url}" if upstream else "regular"
        settings: dict[str, object] = {"confdir": self.confdir}
        if addon == ADDON:
            settings["helm_state"] = self.state
        if policy is not None:
            settings["helm_policy"] = policy
        self.command = [
            str(Path(sys.executable).parent / program),
            *("--listen-host", "127.0.0.1", "--listen-port", "0", "--mode", mode),
            *(("-s", str(addon)) if addon else ()),
            *(("--no-web-open-browser", "--web-port", "0") if program == "mitmweb" else ()),
            *_set({**settings, **(options or {})}),
            *args,
        ]

    @property
    def url(self) -> str:
        """The address of a reverse proxy."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def proxy_url(self) -> str:
        """The value for HTTPS_PROXY."""
        return self.url

    @property
    def ca_file(self) -> Path:
        """The authority (PEM) that clients of a forward proxy must trust."""
        return self.confdir / "mitmproxy-ca-cert.pem"

    @property
    def log(self) -> str:
        """The output of the process so far."""
        with contextlib.suppress(FileNotFoundError):
            return self._log_file.read_text(errors="replace")
        return ""

    @property
    def pid(self) -> int:
        """The process id."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether the process is still there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until connections are accepted; raises `StartFailed`."""
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self._log_file.parent,
                start_new_session=True,
                preexec_fn=end_with_parent(),
            )
        try:
            self.port = self._wait_for_port()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> int:
        """Stop the process as a person would, with SIGTERM, wait, and return the exit code."""
        process = self._running()
        if process.poll() is None:
            process.terminate()
        try:
            return process.wait(10)
        except subprocess.TimeoutExpired:
            return self.kill()
        finally:
            self._end_group(process)

    def kill(self) -> int:
        """Kill the process and all it started, with SIGKILL; return the exit code."""
        process = self._running()
        self._end_group(process)
        return process.wait(10)

    def restart(self) -> None:
        """Start again with the same state, on another port."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if error is not None:
            error.add_note(f"the end of the boundary's log:\n{self.log[-_NOTED:]}")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("expected a started boundary: call start() or use `with`")
        return self._process

    def _wait_for_port(self) -> int:
        deadline = time.monotonic() + self._start_seconds
        while time.monotonic() < deadline and self.alive:
            log = self.log
            if self._ready in log and (found := _LISTENING.search(log)):
                return int(found[1])
            time.sleep(_POLL)
        raise StartFailed(self._running().poll(), self.log)

    @staticmethod
    def _end_group(process: subprocess.Popen[bytes]) -> None:
        # The process leads a session of its own, so its group is all that it started.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _set(settings: Mapping[str, object]) -> list[str]:
    arguments = []
    for name, value in settings.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        arguments += ["--set", f"{name}={text}"]
    return arguments
