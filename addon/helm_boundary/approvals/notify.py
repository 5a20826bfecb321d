"""Telling somebody that a person is needed: a webhook or a command, never with content.

What is told names the approval, the operation, the model and the rules that asked; whoever wants
to see the call looks at it with the operator's rights. Telling is best effort, in a thread of its
own: a slow or broken receiver costs a line in the log and nothing else.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPMessage
from typing import IO, Any

from helm_receipts.predicate import rfc3339

from .entry import Request

logger = logging.getLogger(__name__)

SECONDS = 5
"""How long a receiver may take."""

MAX_WAITING = 100


type Tell = Callable[[Request], None]
"""Tells somebody of a new request for approval; returns at once and raises nothing."""


def tell_nobody(_: Request) -> None:
    """What `helm_notify` is without a value."""


class Notifier:
    """Tells one receiver of new requests for approval, one after the other."""

    def __init__(self, deliver: Callable[[dict[str, Any]], None]) -> None:
        self._deliver = deliver
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="notify")
        self._places = threading.BoundedSemaphore(MAX_WAITING)

    def tell(self, request: Request) -> None:
        """Tell of it soon; returns at once."""
        if not self._places.acquire(blocking=False):
            logger.warning("helm-boundary: helm_notify is too slow; %s isn't told of", request.id)
            return
        self._thread.submit(self._tell, notice(request))

    def close(self) -> None:
        """Stop, without what is still to be told."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _tell(self, told: dict[str, Any]) -> None:
        try:
            self._deliver(told)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            # The error's text may hold the address, and that may hold a secret.
            logger.warning("helm-boundary: helm_notify failed: %s", type(error).__name__)
        finally:
            self._places.release()


def notifier(target: str) -> Notifier:
    """The notifier for a value of `helm_notify`: an http(s) address, or a command line.

    Raises:
        ValueError: a command line whose quotes don't match.
    """
    if target.startswith(("http://", "https://")):
        return Notifier(lambda told: _post(target, told))
    command = shlex.split(target)
    if not command:
        raise ValueError("the command is empty")
    return Notifier(lambda told: _run(command, told))


def notice(request: Request) -> dict[str, Any]:
    """What is told: no content, no credential, nothing that a client wrote but a model's name."""
    return {
        "event": "approval.requested",
        "id": request.id,
        "phase": request.phase,
        "operation": request.flow.operation,
        "model": request.flow.model,
        "host": request.flow.host,
        "principal": request.client.principal,
        "reasons": [{"code": reason.code, "rule": reason.rule} for reason in request.reasons],
        "requested_at": rfc3339(request.created_ns),
        "expires_at": rfc3339(request.expires_ns),
        "approve": f"helm-boundary approvals approve {request.id}",
    }


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would tell somebody whom the operator didn't name."""

    def redirect_request(
        self,
        _request: urllib.request.Request,
        _file: IO[bytes],
        _code: int,
        _message: str,
        _headers: HTTPMessage,
        _url: str,
    ) -> None:
        return None


def _post(url: str, told: dict[str, Any]) -> None:
    # Without the system's proxy: that may be this very boundary.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        _NoRedirect,
    )
    request = urllib.request.Request(  # noqa: S310 - http and https only, see `notifier`
        url, json.dumps(told).encode("ascii"), {"Content-Type": "application/json"}
    )
    with opener.open(request, timeout=SECONDS) as response:
        response.read(1024)


def _run(command: list[str], told: dict[str, Any]) -> None:
    subprocess.run(
        command,
        input=json.dumps(told).encode("ascii"),
        env={**os.environ, "HELM_APPROVAL_ID": told["id"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=SECONDS,
        check=True,
        start_new_session=True,
    )
