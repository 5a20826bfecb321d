"""Notices that a person is needed, to a webhook or a command, never with content.

What is told names the approval, the operation, the model and the rules that asked; whoever wants
to see the call looks at it with the operator's rights. Telling is best effort, in a thread of its
own: a slow or broken receiver costs a line in the log and nothing else.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import queue
import shlex
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from helm_receipts.envelope.predicate import rfc3339
from helm_receipts.storage.isolated import bare_environment

from .entry import Request
from .summary import tools_of

logger = logging.getLogger(__name__)

SECONDS = 5
"""Longest that a receiver may take."""

MAX_WAITING = 100

_SESSION = (
    "USER",
    "LOGNAME",
    "SHELL",
    "TZ",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
)
"""Variables of the operator's session that a command may need to show something to a person."""

type Tell = Callable[[Request], None]
"""Tells somebody of a new request for approval; returns at once and raises nothing."""


def tell_nobody(_: Request) -> None:
    """Tell nobody: `helm_notify` has no value."""


class NotTold(Exception):
    """The receiver didn't take it; the message says why, and holds nothing of its address."""


class Notifier:
    """Tells one receiver of new requests for approval, one after the other."""

    def __init__(self, deliver: Callable[[dict[str, Any]], None]) -> None:
        self._deliver = deliver
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None

    def tell(self, request: Request) -> None:
        """Tell of a request soon; return at once."""
        if self._thread is None:
            # A daemon: a receiver that hangs must not keep the boundary from ending.
            self._thread = threading.Thread(target=self._work, name="notify", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(notice(request))
        except queue.Full:
            logger.warning("helm-boundary: helm_notify is too slow; %s isn't told of", request.id)

    def _work(self) -> None:
        while True:
            told = self._waiting.get()
            try:
                self._deliver(told)
            except NotTold as error:
                logger.warning("helm-boundary: helm_notify failed: %s", error)
            except Exception as error:
                # The error's text may hold the address, and that may hold a secret.
                logger.warning("helm-boundary: helm_notify failed: %s", type(error).__name__)


def notifier(target: str) -> Notifier:
    """Make the notifier for a value of `helm_notify`: an http(s) address, or a command line.

    Raises:
        ValueError: an address without a host, a command line whose quotes don't match.
    """
    if target.startswith(("http://", "https://")):
        address = urlsplit(target)
        if not address.hostname or address.port == 0:  # also raises for what is no port
            raise ValueError("the address has no host or no port")
        return Notifier(lambda told: _post(address, told))
    command = shlex.split(target)
    if not command:
        raise ValueError("the command is empty")
    return Notifier(lambda told: _run(command, told))


def notice(request: Request) -> dict[str, Any]:
    """Write what is told: no content, no credential; names of the model and of tools alone."""
    return {
        "event": "approval.requested",
        "id": request.id,
        "phase": request.phase,
        "operation": request.flow.operation,
        "model": request.flow.model,
        "host": request.flow.host,
        "principal": request.client.principal,
        "tools": tools_of(request.summary),
        "reasons": [{"code": reason.code, "rule": reason.rule} for reason in request.reasons],
        "requested_at": rfc3339(request.created_ns),
        "expires_at": rfc3339(request.expires_ns),
        "approve": f"helm-boundary approvals approve {request.id}",
    }


def _post(address: SplitResult, told: dict[str, Any]) -> None:
    """Post to exactly that address: no proxy, for that may be this boundary, and no redirect."""
    port = address.port
    connection: http.client.HTTPConnection
    if address.scheme == "https":
        trust = ssl.create_default_context()
        connection = http.client.HTTPSConnection(
            address.hostname or "", port, timeout=SECONDS, context=trust
        )
    else:
        connection = http.client.HTTPConnection(address.hostname or "", port, timeout=SECONDS)
    path = urlunsplit(("", "", address.path or "/", address.query, ""))
    body = json.dumps(told).encode("ascii")
    # `timeout` is for each read: one byte a second would go on for ever.
    is_late = threading.Event()
    watch = threading.Timer(SECONDS, _hang_up, (connection, is_late))
    watch.daemon = True
    watch.start()
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        status = connection.getresponse().status
        if is_late.is_set():  # half a head reads like a whole one
            raise NotTold(f"the receiver took longer than {SECONDS} s")
    finally:
        watch.cancel()
        connection.close()
    if not 200 <= status < 300:
        raise NotTold(f"the receiver answered {status}")


def _hang_up(connection: http.client.HTTPConnection, is_late: threading.Event) -> None:
    is_late.set()
    with contextlib.suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _run(command: list[str], told: dict[str, Any]) -> None:
    """Run the command without a shell: nothing that was told is ever part of a command line.

    It gets none of the operator's keys: of the environment only what it takes to run and be seen.
    """
    session = {name: os.environ[name] for name in _SESSION if name in os.environ}
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**bare_environment(), **session, "HELM_APPROVAL_ID": told["id"]},
        start_new_session=True,
    )
    try:
        process.communicate(json.dumps(told).encode("ascii"), SECONDS)
    except subprocess.TimeoutExpired:
        raise NotTold(f"the command took longer than {SECONDS} s") from None
    finally:
        if process.poll() is None:  # with all that it started
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode:
        raise NotTold(f"the command ended with {process.returncode}")
