"""The default policy and what real clients send beside a body: all of it passes as it came."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from support.leaks import CLOUD_KEY, TOKEN
from support.scene import CHAT, Scene, chat_body, scene

MESSAGES: Any = [{"role": "user", "content": "Hello"}]
CLIENTS: dict[str, dict[str, str]] = {
    "nothing more": {},
    "tracing": {
        "traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
        "tracestate": "dd=s:1;o:rum;p:0123456789abcdef",
        "baggage": "service=agent,deployment.environment=prod",
        "x-request-id": str(uuid.uuid4()),
        "x-datadog-trace-id": "4111111111111111",
    },
    "Codex": {
        "session_id": str(uuid.uuid4()),
        "conversation_id": str(uuid.uuid4()),
        "chatgpt-account-id": str(uuid.uuid4()),
        "originator": "codex_cli_rs",
        "x-codex-turn-metadata": '{"origin":"ssh://alice@gerrit.example.com:29418/x"}',
    },
    "Claude Code": {
        "x-app": "cli",
        "anthropic-beta": "claude-code-20250219,oauth-2025-04-20",
        "anthropic-dangerous-direct-browser-access": "true",
    },
    "a gateway's keys": {
        "Helicone-Auth": f"Bearer {TOKEN}",
        "cf-aig-authorization": f"Bearer {TOKEN}",
        "x-portkey-aws-access-key-id": CLOUD_KEY,
        "Cookie": f"session={TOKEN}",
        "x-amz-security-token": TOKEN,
    },
    "a contact": {"User-Agent": "crawler/1 (ops@example.com)", "From": "ops@example.com"},
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a boundary with the default policy."""
    with scene(tmp_path_factory.mktemp("honest"), policy=None) as stage:
        yield stage


@pytest.mark.parametrize("client", CLIENTS)
def test_the_sdks_own_headers_and_these_pass(stage: Scene, client: str) -> None:
    """The SDK's are those of its version: platform, runtime, retries, organisation, project."""
    sdk = openai.OpenAI(
        base_url=stage.boundary.url + "/v1",
        api_key=TOKEN,
        organization="org-" + secrets.token_hex(12),
        project="proj_" + secrets.token_hex(12),
        default_headers=CLIENTS[client],
    )
    with sdk:
        answer = sdk.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
        assert answer.choices[0].message.content == "Hello from the upstream."
        assert [model.id for model in sdk.models.list()]
    seen = stage.upstream.requests[-2]
    assert seen.header("authorization") == f"Bearer {TOKEN}"
    for name, value in CLIENTS[client].items():
        assert seen.header(name.lower()) == value


QUERIES = {
    "a version": "api-version=2025-04-01-preview",
    "a key": f"key={TOKEN}",
    "another key": f"api-key={TOKEN}",
    "a signature": f"X-Amz-Credential={CLOUD_KEY}%2F20251129%2Fus-east-1%2Fbedrock%2Faws4_request",
    "an id": f"trace={uuid.uuid4()}&beta=true",
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_as_providers_want_it_passes(stage: Scene, name: str) -> None:
    """A key where a key belongs, versions and ids."""
    query = QUERIES[name]
    answer = stage.post(chat_body(model="gpt-4o-mini"), path=f"{CHAT}?{query}")
    assert answer.status == 200, answer
    assert stage.upstream.requests[-1].path.endswith(f"?{query}")
