"""An upstream a module, and the OpenAI SDK before a reverse and before a forward proxy over TLS."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import DefaultAsyncHttpxClient, DefaultHttpxClient

from support.scene import Scene, forward_scene, scene
from support.upstream import Upstream

SCENES: dict[str, Callable[[Path], AbstractContextManager[Scene]]] = {
    "reverse": scene,
    "forward": forward_scene,
}


@dataclass(slots=True)
class Desk:
    """A scene with an SDK client that is configured for it."""

    scene: Scene
    forward: bool
    api_key: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def base_url(self) -> str:
        """The SDK's base URL."""
        scene = self.scene
        here = f"https://localhost:{scene.upstream.port}" if self.forward else scene.boundary.url
        return here + "/v1"

    def settings(self) -> dict[str, Any]:
        """Return what an HTTP client needs to get through the proxy."""
        if not self.forward:
            return {}
        context = ssl.create_default_context(cafile=str(self.scene.boundary.ca_file))
        return {"proxy": self.scene.boundary.proxy_url, "verify": context}

    def client(self) -> openai.OpenAI:
        """Return the synchronous client, with its retries on, as programs have it."""
        return openai.OpenAI(
            base_url=self.base_url,
            api_key=self.api_key,
            http_client=DefaultHttpxClient(**self.settings()),
        )

    def asynchronous(self) -> openai.AsyncOpenAI:
        """Return the asynchronous client."""
        return openai.AsyncOpenAI(
            base_url=self.base_url,
            api_key=self.api_key,
            http_client=DefaultAsyncHttpxClient(**self.settings()),
        )


@pytest.fixture(scope="module", params=list(SCENES))
def shared_desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """Start each kind of proxy, once per module."""
    with SCENES[request.param](tmp_path_factory.mktemp(request.param)) as stage:
        yield Desk(stage, request.param == "forward")


@pytest.fixture
def desk(shared_desk: Desk) -> Desk:
    """Return the desk with an upstream that answers by itself."""
    shared_desk.scene.upstream.answer(lambda _: None)
    return shared_desk


@pytest.fixture
def client(desk: Desk) -> Iterator[openai.OpenAI]:
    """Return the synchronous client."""
    with desk.client() as client:
        yield client


@pytest.fixture(scope="module")
def shared_upstream() -> Iterator[Upstream]:
    """Start one upstream per module."""
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(shared_upstream: Upstream) -> Upstream:
    """Return the upstream, answering by itself, with nothing counted yet."""
    shared_upstream.answer(lambda _: None)
    shared_upstream.requests.clear()
    return shared_upstream
