"""Clients that people use, each unchanged and in a process of its own.

Two environment variables lead a client through the boundary as a forward proxy; where a client
ignores them, its base URL leads it through a reverse one. Each makes a call that passes and one
that doesn't, and the second must leave the upstream alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.boundary import Boundary
from support.certificates import Authority
from support.messages import reply_to_message, text
from support.upstream import Recorded, Reply, Upstream

HERE = Path(__file__).parent
UNLISTED = "somebody-elses-model"
PASSED = {"status": 200, "code": None}
DENIED = {"status": 403, "code": "POLICY_VIOLATION"}
PYTHON = {
    "httpx": "gpt-4o-mini",
    "requests": "gpt-4o-mini",
    "aiohttp": "gpt-4o-mini",
    "openai": "gpt-4o-mini",
    "anthropic": "claude-sonnet-4-5",
}
# Each client reads another one.
TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


def answer(request: Recorded) -> Reply | None:
    """Answer Messages too; the rest the upstream answers by itself."""
    return reply_to_message(request, text("Hi.")) if request.path == "/v1/messages" else None


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Create the authority that issues the upstream's certificate."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def module_upstream(authority: Authority) -> Iterator[Upstream]:
    """Start an upstream that speaks TLS."""
    with Upstream(authority.issue("localhost")) as server:
        server.answer(answer)
        yield server


@pytest.fixture
def upstream(module_upstream: Upstream) -> Upstream:
    """Return the upstream with nothing recorded."""
    module_upstream.requests.clear()
    return module_upstream


@pytest.fixture(scope="module")
def forward(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boundary]:
    """Start the boundary as a forward proxy with the default policy."""
    options = {"ssl_verify_upstream_trusted_ca": authority.file}
    with Boundary(state=tmp_path_factory.mktemp("forward"), options=options) as boundary:
        yield boundary


@pytest.fixture(scope="module")
def reverse(
    authority: Authority, module_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Boundary]:
    """Start the boundary as a reverse proxy with the default policy."""
    options = {"ssl_verify_upstream_trusted_ca": authority.file}
    mode = f"reverse:https://localhost:{module_upstream.port}"
    state = tmp_path_factory.mktemp("reverse")
    with Boundary(state=state, mode=mode, options=options) as boundary:
        yield boundary


@pytest.mark.parametrize("client", PYTHON)
def test_a_python_client_is_governed(client: str, forward: Boundary, upstream: Upstream) -> None:
    """What the policy allows comes through; what it denies is the client's own kind of error."""
    program = [sys.executable, str(HERE / "programs" / f"with_{client}.py")]
    base = f"https://localhost:{upstream.port}/v1"
    assert run([*program, base, PYTHON[client]], forward) == PASSED
    assert run([*program, base, UNLISTED], forward) == DENIED
    assert [request.json()["model"] for request in upstream.requests] == [PYTHON[client]]


def test_curl_is_governed(forward: Boundary, upstream: Upstream) -> None:
    """The command line, with nothing but the environment."""
    curl = shutil.which("curl") or pytest.skip("curl isn't installed")
    url = f"https://localhost:{upstream.port}/v1/chat/completions"
    program = [curl, "--silent", "--show-error", url, "--json"]
    passed = run([*program, asking("gpt-4o-mini")], forward)
    denied = run([*program, asking(UNLISTED)], forward)
    assert passed["choices"][0]["message"]["role"] == "assistant"
    assert denied["error"]["code"] == DENIED["code"]
    assert denied["helm"]["verdict"] == "DENY"
    assert len(upstream.requests) == 1


def test_node_is_governed(reverse: Boundary, upstream: Upstream, tmp_path: Path) -> None:
    """The SDK for Node ignores proxy variables, so it is governed by its base URL."""
    npm = shutil.which("npm") or pytest.skip("npm isn't installed")
    folder = tmp_path / "node"
    shutil.copytree(HERE / "node", folder)
    installed = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if installed.returncode:
        pytest.skip(f"npm can't install the SDK here: {installed.stderr[-300:]}")
    program = ["node", str(folder / "with_openai.mjs"), f"{reverse.url}/v1"]
    assert run([*program, "gpt-4o-mini"], reverse) == PASSED
    assert run([*program, UNLISTED], reverse) == DENIED
    assert len(upstream.requests) == 1


def asking(model: str) -> str:
    """Return a chat completions request as JSON text."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}]})


def run(command: list[str], boundary: Boundary) -> Any:
    """Run a client that trusts the boundary and is configured for it; return the JSON it prints."""
    led = {name: str(boundary.ca_file) for name in TRUST}
    led |= {"HTTPS_PROXY": boundary.proxy_url, "NO_PROXY": "", "no_proxy": ""}
    done = subprocess.run(
        command,
        env={**os.environ, **led},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
