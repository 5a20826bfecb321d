"""A client that listens to a stream while it runs, and may leave."""

from __future__ import annotations

import json
import threading
from types import TracebackType
from typing import Any, Self

import httpx

from support.approvals import until
from support.boundary import Boundary


class Listening:
    """Posts a body in a thread and keeps what has come of the answer so far.

    with Listening(boundary, body("hello", stream=True)) as client:
        client.hears(b"[DONE]")
    """

    def __init__(
        self,
        boundary: Boundary,
        value: dict[str, Any],
        *,
        path: str = "/v1/chat/completions",
        agent: str = "a test",
    ) -> None:
        self.heard = b""
        self.error: Exception | None = None
        self._client = httpx.Client(base_url=boundary.url, timeout=600)
        self._value, self._path = json.dumps(value), path
        self._headers = {"content-type": "application/json", "user-agent": agent,
                         "authorization": "Bearer key-of-ada"}  # fmt: skip
        self._has_left = threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._has_left.set()
        self._thread.join(30)
        self._client.close()

    def hears(self, words: bytes, seconds: float = 20) -> bytes:
        """Wait until these words have come; returns all that has."""
        until(lambda: words in self.heard or None, seconds)
        return self.heard

    def result(self, seconds: float = 20) -> bytes:
        """Wait for the end; returns all that came."""
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise TimeoutError(f"expected the end by now, after {self.heard[-200:]!r}")
        return self.heard

    def leave(self) -> None:
        """Close the connection in the middle of the stream."""
        self._has_left.set()
        self._client.close()

    def _listen(self) -> None:
        ask = self._client.stream("POST", self._path, content=self._value, headers=self._headers)
        try:
            with ask as response:
                for chunk in response.iter_raw():
                    self.heard += chunk
                    if self._has_left.is_set():
                        return
        except (httpx.HTTPError, httpx.StreamError, RuntimeError, OSError) as error:
            self.error = error
