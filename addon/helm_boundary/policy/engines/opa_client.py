"""Asking an OPA: connections that are kept, a deadline, and answers read strictly.

The same document goes to OPA's data API and the same decision comes back
(https://www.openpolicyagent.org/docs/rest-api#get-a-document-with-input). Whatever isn't a
decision within the deadline - 429, 5xx, a redirect, no result, garbage, an answer that is cut off
or says something twice - is an EngineError.
"""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as PoolTimeout
from typing import Any, Protocol

from helm_boundary.policy import data_file
from helm_boundary.policy.decision import Decision, parse_decision
from helm_boundary.policy.errors import EngineError, PolicyError

MAX_ANSWER = 16 * 1_048_576  # bytes
CONNECTIONS = 8
DECISION = "/v1/data/helm/decision"


class Place(Protocol):
    """Where an OPA listens."""

    @property
    def prefix(self) -> str:
        """What its paths start with."""
        ...

    @property
    def fields(self) -> Mapping[str, str]:
        """The header fields that it asks for."""
        ...

    def connect(self, seconds: float) -> http.client.HTTPConnection:
        """Return a connection, not yet open, each step of which takes as long at most."""
        ...


class OpaLate(EngineError):
    """OPA didn't answer in time."""


class OpaGone(EngineError):
    """OPA can't be reached, or has gone without an answer."""


class OpaClient:
    """A client of one OPA, with a deadline for each answer."""

    def __init__(self, place: Place, deadline: float) -> None:
        self.deadline = deadline  # seconds for one answer
        self._place = place
        self._pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="helm-opa")
        self._kept = threading.local()  # one connection a thread, kept alive
        self._open: set[http.client.HTTPConnection] = set()
        self._closed = False

    async def decide(self, document: bytes) -> Decision:
        """Judge the document (UTF-8 JSON text); raise EngineError when that can't be done."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.deadline):
                return await loop.run_in_executor(self._pool, self._decide, document)
        except (TimeoutError, RuntimeError) as error:
            raise self._late(error) from None

    def decide_now(self, document: bytes) -> Decision:
        """Judge like ``decide``, blocking this thread."""
        try:
            return self._pool.submit(self._decide, document).result(self.deadline)
        except (PoolTimeout, RuntimeError) as error:
            raise self._late(error) from None

    def close(self) -> None:
        """Close every connection; idempotent."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        for connection in list(self._open):
            connection.close()

    def _late(self, error: Exception) -> EngineError:
        if self._closed or not isinstance(error, TimeoutError):
            return EngineError("the policy engine was closed")
        return OpaLate(f"OPA did not answer within {self.deadline * 1_000:.0f} ms")

    def _decide(self, document: bytes) -> Decision:
        answer = self.ask("POST", DECISION, b'{"input": ' + document + b"}")
        if "result" not in answer:
            raise EngineError("data.helm.decision is undefined for this document")
        return parse_decision(answer["result"])

    def ask(self, method: str, path: str, body: bytes) -> Any:
        """Return the object that OPA answers, on this thread; EngineError for anything else."""
        try:
            status, text = self._exchange(method, path, body)
        except TimeoutError as error:
            raise self._late(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise OpaGone(f"OPA can't be asked: {type(error).__name__}") from None
        if status != 200:
            raise EngineError(f"OPA answered {status}, expected 200")
        try:
            answer = data_file.parse_json(text, "OPA's answer")
        except PolicyError:
            raise EngineError("OPA's answer is not JSON, or says something twice") from None
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
            fields = {"content-type": "application/json", **self._place.fields}
            connection.request(method, self._place.prefix + path, body or None, fields)
            response = connection.getresponse()
            text = response.read(MAX_ANSWER + 1)
            if len(text) > MAX_ANSWER:
                raise EngineError(f"OPA's answer is over {MAX_ANSWER} bytes")
            if response.length:  # of what it announced; reading bounded amounts doesn't say so
                raise EngineError("OPA's answer is cut off")
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
        connection = self._place.connect(self.deadline)
        self._open.add(connection)
        return connection

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        self._open.discard(connection)
        connection.close()
