"""Where decision logs go: OPA's service for them, a file, or syslog."""

from __future__ import annotations

import gzip
import json
import os
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

TOKEN = "HELM_DECISION_LOGS_TOKEN"  # noqa: S105 - a variable's name
_PATIENCE = 30.0
_SYSLOG_PORT = 514
_FACILITY_LOCAL0 = 16
_SEVERITIES = {"ALLOW": 6, "ESCALATE": 5, "DENY": 4}


class DestinationError(ValueError):
    """A destination can't be read; the message says what one looks like."""


class Refused(Exception):
    """What was sent didn't arrive; it will be sent again. The message says why."""


class Destination(Protocol):
    """Takes batches of events; returns only when a batch has arrived."""

    def send(self, events: list[dict[str, Any]]) -> None:
        """Send a batch; raises Refused where it didn't arrive."""


def read_destination(text: str) -> Destination:
    """Read where logs go: `https://…`, `syslog://HOST:PORT`, `syslog+tcp://…`, or a file."""
    parts = urlsplit(text)
    if parts.scheme in ("http", "https"):
        if not parts.hostname or parts.username or parts.password:
            raise DestinationError(f"expected an address without a password in it; {_TOKEN_HELP}")
        return Service(text)
    if parts.scheme in ("syslog", "syslog+tcp"):
        if not parts.hostname:
            raise DestinationError(f"expected syslog://HOST:{_SYSLOG_PORT}, found {text!r}")
        return Syslog((parts.hostname, parts.port or _SYSLOG_PORT), parts.scheme == "syslog+tcp")
    if "://" in text or not text:
        raise DestinationError(
            "expected https://…, syslog://HOST:PORT, syslog+tcp://HOST:PORT or a file, "
            f"found one of {parts.scheme!r}"
        )
    return LogFile(Path(text).expanduser().absolute())


_TOKEN_HELP = f"a bearer token goes into the variable {TOKEN}"


class Service:
    """OPA's decision log service: a gzipped JSON array is posted to `{address}/logs`."""

    def __init__(self, address: str) -> None:
        self._url = f"{address.rstrip('/')}/logs"
        self._host = urlsplit(address).netloc  # an address may hold a secret behind its host
        host = urlsplit(address).hostname or ""
        is_here = host in ("localhost", "::1") or host.startswith("127.")
        self._is_private = is_here or address.startswith("https://")
        # No proxy but one's own network, and no redirect: logs go where somebody said.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)

    def send(self, events: list[dict[str, Any]]) -> None:
        """Post a batch; raises Refused unless the answer is 200 or 204."""
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        if token := os.environ.get(TOKEN):
            if not self._is_private:
                raise Refused(f"{self._host}: a token goes over https, or to this machine")
            headers["Authorization"] = f"Bearer {token}"
        body = gzip.compress(json.dumps(events).encode())
        request = urllib.request.Request(self._url, body, headers, method="POST")  # noqa: S310 - http(s), see above
        try:
            with self._opener.open(request, timeout=_PATIENCE) as response:
                response.read()
        except urllib.error.HTTPError as error:
            raise Refused(f"{self._host} answered {error.code}") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", error)
            raise Refused(f"{self._host} can't be reached: {why}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class LogFile:
    """A file of JSON lines, each durable before it counts as shipped."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, events: list[dict[str, Any]]) -> None:
        """Append a batch; raises Refused where the file doesn't take it."""
        lines = "".join(json.dumps(event) + "\n" for event in events)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            descriptor = os.open(self._path, flags, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(lines.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Refused(f"{self._path} can't be written: {error}") from error


class Syslog:
    """A syslog server (RFC 5424), by UDP, or by TCP with octet counts (RFC 6587)."""

    def __init__(self, address: tuple[str, int], over_tcp: bool) -> None:
        self._address = address
        self._over_tcp = over_tcp

    def send(self, events: list[dict[str, Any]]) -> None:
        """Send a message for each event; raises Refused where they can't be sent."""
        messages = [_message(event) for event in events]
        kind = socket.SOCK_STREAM if self._over_tcp else socket.SOCK_DGRAM
        try:
            family, _, _, _, place = socket.getaddrinfo(*self._address, type=kind)[0]
            with socket.socket(family, kind) as server:
                server.settimeout(_PATIENCE)
                server.connect(place)
                for message in messages:
                    server.sendall(
                        b"%d %b" % (len(message), message) if self._over_tcp else message
                    )
        except OSError as error:
            raise Refused(f"syslog at {self._address[0]} can't be reached: {error}") from error


def _message(event: dict[str, Any]) -> bytes:
    severity = _SEVERITIES.get(event["result"]["verdict"], 5)
    head = f"<{_FACILITY_LOCAL0 * 8 + severity}>1 {event['timestamp']} {event['labels']['id']}"
    # Escaped JSON has no line end and no control character in it.
    return f"{head} helm-boundary - {event['decision_id']} - {json.dumps(event)}".encode()
