"""An `opa run --server` of ours, on a Unix socket that only its token opens.

OPA is given one policy, in files that are gone once it has read them. A rule of its own
(https://www.openpolicyagent.org/docs/security#authentication-and-authorization) lets nobody in who
doesn't know the token, which no file holds, and takes nothing but questions about data: programs of
the same user can neither ask it nor give it another policy.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from helm_boundary.policy.errors import EngineError, PolicyError

from .opa_client import OpaClient
from .opa_program import OpaProgram, opa_environment
from .opa_sources import check_sources, write_sources

START_SECONDS = 30.0  # for OPA to read and compile a policy, on a machine that is busy
POLL_SECONDS = 0.01
# Ends OPA with its standard input, which this process holds: it mustn't outlive the boundary, even
# one that is killed. The shell ends with OPA, and takes its folder away.
LEASH = (
    'folder=$1; shift; "$@" & opa=$!; exec 3<&0; '
    '{ cat <&3 >/dev/null; kill -9 $opa; } 2>&- & wait $opa; rm -rf "$folder"'
)
AUTHORIZATION = """package system.authz

default allow := false

allow if {{
	crypto.sha256(input.identity) == "{digest}"
	input.method in {{"GET", "POST"}}
	input.path[0] == "v1"
	input.path[1] == "data"
}}
"""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("opa", timeout=seconds)
        self._path = path
        self._seconds = seconds

    def connect(self) -> None:
        """Open the connection."""
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            self.sock.settimeout(self._seconds)
            self.sock.connect(str(self._path))
        except BaseException:
            self.sock.close()
            raise


class OpaProcess:
    """One running OPA, with the policy that it was started with: modules by path, data as JSON.

    Raises PolicyError when it can't be started, or takes the policy for none.
    """

    prefix = ""

    def __init__(self, opa: OpaProgram, modules: Mapping[str, str], data: str) -> None:
        self.opa = opa
        self._token = secrets.token_urlsafe(32)
        # A short path: a socket's name may have some hundred bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="helm-opa-"))
        try:
            sources = write_sources(self._folder, opa, modules, data)
            if problems := check_sources(opa, sources):
                raise PolicyError(*problems)
            digest = hashlib.sha256(self._token.encode()).hexdigest()
            rule = AUTHORIZATION.format(digest=digest)
            (sources.folder / "authorization.rego").write_text(rule, encoding="utf-8")
            self._process = self._start(sources.folder)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    @property
    def fields(self) -> Mapping[str, str]:
        """The header fields that open it."""
        return {"authorization": f"Bearer {self._token}"}

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it hasn't ended."""
        return self._process.poll() is None

    def connect(self, seconds: float) -> http.client.HTTPConnection:
        """Return a connection to it, not yet open."""
        return UnixConnection(self._folder / "socket", seconds)

    def wait_until_ready(self) -> None:
        """Block until it answers, and then take away what it has read."""
        until = time.monotonic() + START_SECONDS
        client = OpaClient(self, START_SECONDS)
        try:
            while not self._answers(client):
                if not self.is_running:
                    raise PolicyError(f"{self.opa} ended while it read the policy")
                if time.monotonic() > until:
                    raise PolicyError(f"{self.opa} wasn't ready within {START_SECONDS:.0f} seconds")
                time.sleep(POLL_SECONDS)
        finally:
            client.close()
        shutil.rmtree(self._folder / "policy", ignore_errors=True)

    def kill(self) -> None:
        """End it, whatever it is doing, and take its folder away; idempotent."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def is_well(self, client: OpaClient) -> bool:
        """Tell whether it runs and answers."""
        return self.is_running and self._answers(client)

    def _answers(self, client: OpaClient) -> bool:
        try:
            client.ask("GET", "/v1/data/system/version", b"")
        except EngineError:
            return False
        return True

    def _start(self, policy: Path) -> subprocess.Popen[bytes]:
        arguments = ["run", "--server", "--addr", f"unix://{self._folder / 'socket'}"]
        arguments += ["--unix-socket-perm", "600", "--log-level", "error", "--disable-telemetry"]
        arguments += ["--authentication", "token", "--authorization", "basic"]
        arguments += ["--bundle", str(policy)]
        try:
            return subprocess.Popen(
                ["/bin/sh", "-c", LEASH, "sh", self._folder, self.opa.path, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=opa_environment(),
                start_new_session=True,  # a Ctrl-C for the boundary is not one for its policy
            )
        except OSError as error:
            raise PolicyError(f"{self.opa.path}: can't be run: {error.strerror}") from None
