"""An OPA server as the engine, for those who run OPA already (``helm_opa_url``).

The same document goes to OPA's data API and the same decision comes back
(https://www.openpolicyagent.org/docs/rest-api#get-a-document-with-input). Whatever isn't a
decision within the deadline - 429, 5xx, a redirect, no result, garbage - is an EngineError.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as PoolTimeout
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from helm_boundary.policy.decision import Decision, parse_decision
from helm_boundary.policy.errors import EngineError, PolicyError
from helm_boundary.policy.sources.policy import Policy, read_policy
from helm_boundary.policy.sources.url import has_credentials, shown

from .engine import NO_TURN, Turn
from .smoke_test import self_test

MAX_ANSWER = 16 * 1_048_576  # bytes
CONNECTIONS = 8
DECISION = "/v1/data/helm/decision"


def start_opa_server(url: str, *, deadline_ms: int) -> OpaServer:
    """Connect to an OPA server that has a data.helm.decision, and test it.

    The policy's digest is over the modules that the server has and the revisions of its bundles,
    as they are now; data that was pushed into it is not covered. Detectors are the default's.
    Raises PolicyError when the server can't be reached or has no decision.
    """
    server = OpaServer(parse_address(url), deadline_ms / 1_000)
    try:
        server.policy = server.describe()
        self_test(server)
    except EngineError as error:
        server.close()
        raise PolicyError(f"{shown(url)}: {error}") from None
    except BaseException:
        server.close()
        raise
    return server


@dataclass(frozen=True, slots=True)
class Address:
    """The host, port and path of the server."""

    url: str
    host: str
    port: int
    tls: bool
    prefix: str


def parse_address(url: str) -> Address:
    """Parse the address in a URL; PolicyError when it isn't one that we can use."""
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise PolicyError(f"{shown(url)}: expected a port up to 65535") from None
    if has_credentials(url):
        raise PolicyError(f"{shown(url)}: expected no user and no password in the address")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        expected = "expected http://HOST:PORT or https://HOST:PORT of an OPA server"
        raise PolicyError(f"{shown(url)}: {expected}")
    return Address(url, parts.hostname, port, parts.scheme == "https", parts.path.rstrip("/"))


class OpaServer:
    """Rego evaluated by an OPA server."""

    def __init__(self, address: Address, deadline: float) -> None:
        self.name = "opa"
        self.policy = _unknown(address.url)
        self._address = address
        self._deadline = deadline  # seconds for one decision
        self._pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="helm-opa")
        self._kept = threading.local()  # one connection a thread, kept alive
        self._open: set[http.client.HTTPConnection] = set()
        self._closed = False

    async def decide(self, document: bytes, turn: Turn = NO_TURN) -> Decision:
        """Judge the document (UTF-8 JSON text); raise EngineError when that can't be done."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._deadline):
                return await loop.run_in_executor(self._pool, self._decide, document)
        except (TimeoutError, RuntimeError) as error:
            raise self._late(error) from None

    def decide_now(self, document: bytes) -> Decision:
        """Judge like ``decide``, blocking this thread."""
        try:
            return self._pool.submit(self._decide, document).result(self._deadline)
        except (PoolTimeout, RuntimeError) as error:
            raise self._late(error) from None

    def close(self) -> None:
        """Close every connection; idempotent."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        for connection in list(self._open):
            connection.close()

    def describe(self) -> Policy:
        """Return the server's policy, as far as it tells."""
        modules = self._ask("GET", "/v1/policies", b"").get("result")
        stated = self._ask("POST", DECISION + "?provenance=true", b'{"input": {}}')
        provenance = stated.get("provenance")
        if not isinstance(modules, list) or not isinstance(provenance, dict):
            raise EngineError("doesn't tell its policies: is it an OPA server?")
        self.name = f"opa {provenance.get('version', '')}".strip()
        texts = {str(module.get("id")): str(module.get("raw")) for module in modules}
        whole = json.dumps([texts, provenance.get("bundles")], sort_keys=True)
        digest = hashlib.sha256(whole.encode()).hexdigest()
        nothing: MappingProxyType[str, Any] = MappingProxyType({})
        detectors = read_policy([]).detectors_text
        return Policy(self._address.url, digest, texts, nothing, detectors, len(texts))

    def _late(self, error: Exception) -> EngineError:
        if self._closed or not isinstance(error, TimeoutError):
            return EngineError("the policy engine was closed")
        return EngineError(f"OPA did not answer within {self._deadline * 1_000:.0f} ms")

    def _decide(self, document: bytes) -> Decision:
        answer = self._ask("POST", DECISION, b'{"input": ' + document + b"}")
        if "result" not in answer:
            raise EngineError("data.helm.decision is undefined for this document")
        return parse_decision(answer["result"])

    def _ask(self, method: str, path: str, body: bytes) -> Any:
        try:
            status, text = self._exchange(method, path, body)
        except TimeoutError as error:
            raise self._late(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"OPA can't be asked: {type(error).__name__}") from None
        if status != 200:
            raise EngineError(f"OPA answered {status}, expected 200")
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            raise EngineError("OPA's answer is not JSON") from None
        if not isinstance(answer, dict):
            raise EngineError("OPA's answer is not an object")
        return answer

    def _exchange(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Send one request; once more if the server has closed the kept connection."""
        kept: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if kept is not None:
            try:
                return self._request(kept, method, path, body)
            except (ConnectionError, http.client.BadStatusLine):
                self._drop(kept)
        return self._request(self._connect(), method, path, body)

    def _request(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes
    ) -> tuple[int, bytes]:
        self._kept.connection = None
        try:
            fields = {"content-type": "application/json"}
            connection.request(method, self._address.prefix + path, body or None, fields)
            response = connection.getresponse()
            text = response.read(MAX_ANSWER + 1)
            if len(text) > MAX_ANSWER:
                raise EngineError(f"OPA's answer is over {MAX_ANSWER} bytes")
        except BaseException:
            self._drop(connection)
            raise
        if response.will_close:
            self._drop(connection)
        else:
            self._kept.connection = connection
        return response.status, text

    def _connect(self) -> http.client.HTTPConnection:
        if self._closed:
            raise EngineError("the policy engine was closed")
        kind = http.client.HTTPSConnection if self._address.tls else http.client.HTTPConnection
        connection = kind(self._address.host, self._address.port, timeout=self._deadline)
        self._open.add(connection)
        return connection

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        self._open.discard(connection)
        connection.close()


def _unknown(url: str) -> Policy:
    nothing: MappingProxyType[str, Any] = MappingProxyType({})
    return Policy(url, "", nothing, nothing, b'{"detectors": []}', 0)
