"""The catalogue has what the newest SDKs call that are installed; agents' own paths are named."""

from __future__ import annotations

import re

import pytest

from helm_boundary.calls.call import HttpRequest
from helm_boundary.calls.hosts import DEFAULT_HOSTS, parse_host_pattern
from helm_boundary.matching.catalogue import UNKNOWN, known_operations, read_table
from helm_boundary.matching.matcher import Matcher
from helm_boundary.parsing.requests import recognise
from support.sdk_operations import (
    installed_package,
    literal_operations_of,
    model_verbs_of,
    operations_of,
)

MATCHER = Matcher([parse_host_pattern(pattern) for pattern in DEFAULT_HOSTS])


def ask(method: str, host: str, path: str, body: bytes = b"") -> str | None:
    """Return the id of what is asked for, None where it is no call."""
    found = recognise(MATCHER, HttpRequest(method, "https", host, 443, path, "", (), body), 1 << 20)
    return None if found is None else found.id


@pytest.mark.parametrize("package", ["openai", "anthropic"])
def test_the_catalogue_has_what_an_sdk_calls(package: str) -> None:
    """Where this fails, add what is named to catalogue_sdks.tsv, with a category that fits."""
    calls = operations_of(package)
    assert len(calls) > 200
    missing = []
    for method, path in sorted(calls, key=lambda call: call[1]):
        bare, _, query = path.partition("?")
        segments = ["x-1" if each[:1] == "{" else each for each in bare.strip("/").split("/")]
        if known_operations().find(method, segments, query) is None:
            missing.append(f"{method} {path}")
    assert not missing, "the SDK has, and the catalogue hasn't:\n" + "\n".join(missing)


@pytest.mark.parametrize(
    ("package", "host"),
    [
        ("cohere", "api.cohere.com"),
        ("ollama", "ollama.com"),
        ("mistralai/client", "api.mistral.ai"),
        ("google/genai", "generativelanguage.googleapis.com"),
    ],
)
def test_the_catalogue_has_what_a_providers_own_sdk_calls(package: str, host: str) -> None:
    """Where this fails, add what is named to the provider's table, with a category that fits."""
    root = installed_package(package)
    calls = literal_operations_of(root)
    if package == "google/genai":
        calls |= model_verbs_of(root)
    assert len(calls) > 10
    missing = []
    for method, path in sorted(calls):
        real = re.sub(r"\{[^/]*?\}", "x-1", path.replace("{api_version}", "v1beta"))
        if ask(method, host, real) in (None, UNKNOWN.id):
            missing.append(f"{method} {path}")
    assert not missing, "the SDK has, and the catalogue hasn't:\n" + "\n".join(missing)


@pytest.mark.parametrize("table", ["sdks", "mistral", "google"])
def test_what_only_an_sdk_has_is_nobodys_elsewhere(table: str) -> None:
    """`/v1/decisions` and `/v1/agents/...` are words that any server may have."""
    for operation in read_table(f"catalogue_{table}.tsv"):
        path = "/v1" + re.sub(r"\{[^/]*?\}", "x-1", operation.path)
        assert ask(operation.method, "example.com", path) is None
        assert ask(operation.method, "api.openai.com", path) == operation.id


@pytest.mark.parametrize(
    ("method", "host", "path", "wanted"),
    [
        ("GET", "api.anthropic.com", "/api/hello", "claudeCode.hello"),
        ("POST", "api.anthropic.com", "/api/event_logging/v2/batch", "claudeCode.logEvents"),
        ("POST", "api.anthropic.com", "/api/claude_code/metrics", "claudeCode.sendMetrics"),
        ("GET", "api.anthropic.com", "/api/claude_code/new_thing", "claudeCode.other"),
        ("POST", "api.anthropic.com", "/api/oauth/claude_cli/create_api_key",
         "claudeCode.createApiKey"),
        ("POST", "api.anthropic.com", "/v1/messages/count_tokens", "anthropic.countTokens"),
        ("POST", "chatgpt.com", "/backend-api/codex/analytics-events/events", "codex.logEvents"),
        ("GET", "chatgpt.com", "/backend-api/codex/models", "listModels"),
        ("POST", "api.anthropic.com", "/api/nobody_knows", UNKNOWN.id),
        ("POST", "api.groq.com", "/api/claude_code/metrics", "claudeCode.sendMetrics"),
        ("POST", "example.com", "/api/claude_code/metrics", None),
        ("POST", "api.cohere.com", "/v2/chat", "cohere.chat"),
        ("POST", "api.cohere.com", "/v2/embed", "cohere.embed"),
        ("POST", "api.cohere.com", "/v1/chat", "cohere.chatV1"),
    ],
)  # fmt: skip
def test_what_agents_ask_beside_is_named(
    method: str, host: str, path: str, wanted: str | None
) -> None:
    """On a governed host, which may be a gateway before theirs, and nowhere else."""
    assert ask(method, host, path) == wanted


def test_a_call_on_an_agents_path_is_judged_as_a_call() -> None:
    """A body that has a call's shape is one, wherever a server might take it."""
    body = b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}'
    request = HttpRequest(
        "POST", "https", "api.anthropic.com", 443, "/api/claude_code/metrics", "", (), body
    )
    found = recognise(MATCHER, request, 1 << 20)
    assert found is not None
    assert (found.id, found.category, found.dialect) == ("claudeCode.sendMetrics", "agent", "chat")


def test_head_asks_for_what_get_would() -> None:
    """The same operation, without a body."""
    assert ask("HEAD", "api.openai.com", "/v1/models") == "listModels"
    assert ask("HEAD", "api.openai.com", "/v1/chat/completions/x") == "getChatCompletion"
