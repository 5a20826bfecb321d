"""Notices that a person is needed, to a webhook or a command.

What is told names the approval, the operation, the model, the tools and the rules that asked; with
the operator's word for it (`helm_notify_arguments`) also how the tools' arguments begin, redacted.
Whoever wants to see the call looks at it with the operator's rights. Telling is best effort, in a
thread of its own: a slow or broken receiver costs a line in the log and nothing else.
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
from collections.abc import Callable, Sequence
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

MAX_ARGUMENTS = 160
"""Characters of a tool call's arguments that are told where they are."""
MAX_CALLS = 5

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
    """Tells one receiver of new requests for approval, one after the other.

    `name` is the option that names it.
    """

    def __init__(
        self,
        deliver: Callable[[dict[str, Any]], None],
        *,
        name: str = "helm_notify",
        with_arguments: bool = False,
    ) -> None:
        self._deliver = deliver
        self._name = name
        self._characters = MAX_ARGUMENTS if with_arguments else 0
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None

    def tell(self, request: Request) -> None:
        """Tell of a request soon; return at once."""
        if self._thread is None:
            # A daemon: a receiver that hangs must not keep the boundary from ending.
            self._thread = threading.Thread(target=self._work, name="notify", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(notice(request, self._characters))
        except queue.Full:
            said = "helm-boundary: %s is too slow; %s isn't told of"
            logger.warning(said, self._name, request.id)

    def _work(self) -> None:
        while True:
            told = self._waiting.get()
            try:
                self._deliver(told)
            except NotTold as error:
                logger.warning("helm-boundary: %s failed: %s", self._name, error)
            except Exception as error:
                # The error's text may hold the address, and that may hold a secret.
                logger.warning("helm-boundary: %s failed: %s", self._name, type(error).__name__)


def tell_each(notifiers: Sequence[Notifier]) -> Tell:
    """Return what tells each of several receivers."""

    def tell(request: Request) -> None:
        for each in notifiers:
            each.tell(request)

    return tell


def notifier(target: str, *, with_arguments: bool = False) -> Notifier:
    """Make the notifier for a value of `helm_notify`: an http(s) address, or a command line.

    Raises:
        ValueError: an address without a host, a command line whose quotes don't match.
    """
    if target.startswith(("http://", "https://")):
        address = urlsplit(target)
        if not address.hostname or address.port == 0:  # also raises for what is no port
            raise ValueError("the address has no host or no port")
        return Notifier(lambda told: _post(address, told), with_arguments=with_arguments)
    command = shlex.split(target)
    if not command:
        raise ValueError("the command is empty")
    return Notifier(lambda told: run(command, told), with_arguments=with_arguments)


def notice(request: Request, characters: int = 0) -> dict[str, Any]:
    """Write what is told: no credential, and names of the model and of tools.

    Of content only so many characters of each tool call's arguments, redacted as the summary is.
    """
    calls = tools_of(request.summary, characters)
    rules = dict.fromkeys(reason.rule for reason in request.reasons)
    what = "; ".join(calls[:MAX_CALLS]) or request.flow.operation
    told = {
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
        "message": f"{what} ({', '.join(rules)}), approval {request.id}",
        "approve": f"helm-boundary approvals approve {request.id}",
    }
    return {**told, "calls": calls[:MAX_CALLS]} if characters and calls else told


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


def run(command: list[str], told: dict[str, Any]) -> None:
    """Run a command without a shell, with what is told on its input; NotTold where it fails.

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
