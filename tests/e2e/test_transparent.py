"""Transparent mode: programs that know of no proxy, diverted to it by the kernel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from support.own_network import OwnNetwork, configure, own_network
from support.scene import Scene, chat_body, forward_scene, plain_scene
from support.upstream import ToolCall, Turn, reply_to_chat

PROGRAMS = Path(__file__).parent / "clients" / "programs"
DIVERTED = 65534
"""The group whose connections the kernel diverts: the programs', not the proxy's own."""

PASSED = {"status": 200, "code": None}
DENIED = {"status": 403, "code": "POLICY_VIOLATION"}


@pytest.fixture(scope="module")
def network() -> Iterator[OwnNetwork]:
    """Create a network in which the kernel may divert connections."""
    if shutil.which("iptables") is None:
        pytest.skip("diverting connections needs iptables")
    with own_network() as network:
        yield network


def in_transparent_mode(
    network: OwnNetwork,
    folder: Path,
    test: Callable[[Scene], None],
    scene: Callable[..., AbstractContextManager[Scene]] = forward_scene,
) -> None:
    """Run a test against a transparent proxy to which the kernel diverts programs."""

    def inside() -> None:
        with scene(folder, mode="transparent") as stage:
            whose = ["-m", "owner", "--gid-owner", str(DIVERTED)]
            rule = ["-p", "tcp", "--dport", str(stage.upstream.port), *whose]
            divert = ["-j", "REDIRECT", "--to-ports", str(stage.boundary.port)]
            configure("iptables", "-t", "nat", "-A", "OUTPUT", *rule, *divert)
            test(stage)

    network.run(inside)


def diverted(stage: Scene, *command: str) -> str:
    """Run a program that is diverted and trusts the boundary's CA; return what it prints."""
    trust = dict.fromkeys(
        ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), str(stage.boundary.ca_file)
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(stage.boundary.state), **trust}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, group=DIVERTED, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["httpx", "requests", "aiohttp", "openai"])
def test_diverted_programs_are_governed(network: OwnNetwork, tmp_path: Path, name: str) -> None:
    """One call passes, one is denied and leaves the upstream alone."""

    def calls(stage: Scene) -> None:
        def call(model: str) -> Any:
            program = str(PROGRAMS / f"with_{name}.py")
            base = f"https://localhost:{stage.upstream.port}/v1"
            return json.loads(diverted(stage, sys.executable, program, base, model))

        assert call("ordinary") == PASSED
        assert len(stage.upstream.requests) == 1
        with stage.untouched():
            assert call("denied") == DENIED

    in_transparent_mode(network, tmp_path, calls)


def curl(stage: Scene, body: bytes, *options: str) -> str:
    """Return what curl prints of a chat, its status last."""
    address = f"https://localhost:{stage.upstream.port}/v1/chat/completions"
    head = ["-H", "Content-Type: application/json", "--data-binary", body.decode()]
    return diverted(stage, "curl", "--silent", "-w", "\n%{http_code}", *head, *options, address)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl isn't on PATH")
def test_streams_and_host_names_are_judged_in_transparent_mode(
    network: OwnNetwork, tmp_path: Path
) -> None:
    """A denied tool call in a stream doesn't come; a Host that isn't where bytes go is refused."""

    def calls(stage: Scene) -> None:
        turn = Turn("Let me see.", (ToolCall("forbidden", "{}"),))
        stage.upstream.answer(lambda request: reply_to_chat(request, turn))
        streamed = curl(stage, chat_body(stream=True))
        assert "Let me" in streamed
        assert "POLICY_VIOLATION" in streamed
        assert "forbidden" not in streamed
        with stage.untouched():
            other = curl(stage, chat_body(), "-H", "Host: api.openai.com")
        assert "SCHEMA_VIOLATION" in other
        assert other.endswith("\n403")

    in_transparent_mode(network, tmp_path, calls)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl isn't on PATH")
def test_plain_http_is_governed_by_its_name_in_transparent_mode(
    network: OwnNetwork, tmp_path: Path
) -> None:
    """An address is all that is known of where it goes; Host says what that is called."""

    def calls(stage: Scene) -> None:
        address = f"http://127.0.0.1:{stage.upstream.port}/v1/files/file-1"
        ask = ("curl", "--silent", "-w", "\n%{http_code}", "-X", "DELETE", address)
        with stage.untouched():
            assert diverted(stage, *ask, "-H", "Host: api.openai.com").endswith("\n403")
        assert not diverted(stage, *ask).endswith("\n403")
        assert len(stage.upstream.requests) == 1

    in_transparent_mode(network, tmp_path, calls, plain_scene)
