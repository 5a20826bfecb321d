"""Calls as each provider documents them are recognised, and what isn't one is left alone."""

from __future__ import annotations

import pytest

from helm_boundary.calls.call import HttpRequest
from helm_boundary.calls.hosts import DEFAULT_HOSTS, parse_host_pattern, provider_of
from helm_boundary.calls.refusal import Refusal
from helm_boundary.matching.matcher import Matcher

MATCHER = Matcher([parse_host_pattern(pattern) for pattern in DEFAULT_HOSTS])
CHAT, EMBED, RESPOND = "createChatCompletion", "createEmbedding", "createResponse"


def operation(method: str, address: str, headers: tuple[tuple[str, str], ...] = ()) -> str | None:
    """Return the id of the operation that a request to that address asks for."""
    scheme, _, rest = address.partition("://")
    authority, slash, target = rest.partition("/")
    host, _, port = authority.partition(":")
    path, _, query = (slash + target).partition("?")
    number = int(port) if port else {"https": 443, "http": 80}[scheme]
    found = MATCHER.match(HttpRequest(method, scheme, host, number, path, query, headers, b""))
    return found.id if found else None


CODEX = "https://chatgpt.com/backend-api/codex"
UPGRADE = (("Upgrade", "websocket"),)

AZURE, VERSION = "https://acme.openai.azure.com", "?api-version=2024-10-21"

DOCUMENTED: list[tuple[str, str, str]] = [
    ("OpenAI", "https://api.openai.com/v1/chat/completions", CHAT),
    ("OpenAI, Europe", "https://eu.api.openai.com/v1/responses", RESPOND),
    ("Azure, by deployment", f"{AZURE}/openai/deployments/gpt4/chat/completions{VERSION}", CHAT),
    ("Azure, by deployment", f"{AZURE}/openai/deployments/emb/embeddings{VERSION}", EMBED),
    ("Azure, dated", f"{AZURE}/openai/responses?api-version=2025-04-01-preview", RESPOND),
    ("Azure, v1", f"{AZURE}/openai/v1/chat/completions", CHAT),
    ("Azure, v1", f"{AZURE}/openai/v1/responses", RESPOND),
    ("Azure AI", f"https://acme.services.ai.azure.com/models/chat/completions{VERSION}", CHAT),
    ("OpenRouter", "https://openrouter.ai/api/v1/chat/completions", CHAT),
    ("Groq", "https://api.groq.com/openai/v1/chat/completions", CHAT),
    ("Together", "https://api.together.xyz/v1/chat/completions", CHAT),
    ("Mistral", "https://api.mistral.ai/v1/chat/completions", CHAT),
    ("DeepSeek", "https://api.deepseek.com/chat/completions", CHAT),
    ("Fireworks", "https://api.fireworks.ai/inference/v1/chat/completions", CHAT),
    ("xAI", "https://api.x.ai/v1/chat/completions", CHAT),
    ("Perplexity", "https://api.perplexity.ai/chat/completions", CHAT),
    (
        "Gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        CHAT,
    ),
    ("Anthropic", "https://api.anthropic.com/v1/messages", "anthropic.createMessage"),
    ("Codex, with a ChatGPT login", f"{CODEX}/responses", RESPOND),
    ("Codex, with a ChatGPT login", f"{CODEX}/responses/compact", "Compactconversation"),
    ("Codex behind a proxy", "https://intra.example/gpt/backend-api/codex/responses", RESPOND),
    ("vLLM", "http://gpu-7:8000/v1/chat/completions", CHAT),
    ("Ollama", "http://localhost:11434/v1/chat/completions", CHAT),
    ("LM Studio", "http://localhost:1234/v1/chat/completions", CHAT),
    ("LM Studio, its own", "http://localhost:1234/api/v0/chat/completions", CHAT),
    ("LiteLLM", "http://localhost:4000/chat/completions", CHAT),
    ("LiteLLM", "http://localhost:4000/v1/chat/completions", CHAT),
    ("LiteLLM", "http://localhost:4000/openai/deployments/m/chat/completions", CHAT),
    ("anybody behind a prefix", "https://intra.example/llm/team-7/v1/chat/completions", CHAT),
    ("anybody behind a prefix", "https://intra.example/llm/v1/embeddings", EMBED),
    ("anybody behind a prefix", "https://intra.example/llm/v1/messages", "anthropic.createMessage"),
]


@pytest.mark.parametrize(
    ("address", "wanted"), [row[1:] for row in DOCUMENTED], ids=[row[0] for row in DOCUMENTED]
)
def test_documented_addresses_are_calls(address: str, wanted: str) -> None:
    """Every provider's own documentation is matched."""
    assert operation("POST", address) == wanted


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("GET", "https://example.com/v1/models"),
        ("POST", "https://example.com/v1/files"),
        ("GET", "https://example.com/"),
        ("POST", "https://example.com/api/chat"),
        ("GET", "https://openrouter.ai/models"),
        ("GET", "https://chatgpt.com/backend-api/me"),
        ("POST", "https://chatgpt.com/backend-api/conversation"),
        ("POST", "https://chatgpt.com/backend-api/codexes"),
        ("GET", "https://surveys.example/v1/responses"),
        ("GET", "https://surveys.example/api/responses"),
        ("GET", "https://tables.example/v1/realtime"),
        ("POST", "https://words.example/v1/complete"),
        ("GET", "https://shop.example/v1/sessions/s-1/events/stream"),
        ("POST", "https://shop.example/v1/sessions/s-1/events"),
        ("POST", "https://cars.example/v1/agents/a-1"),
        ("POST", "https://github.com/org/repo.git/git-upload-pack"),
    ],
)
def test_other_traffic_is_left_alone(method: str, address: str) -> None:
    """What no reading makes a call is none of ours."""
    assert operation(method, address) is None


@pytest.mark.parametrize(
    "address",
    [
        "https://api.openai.com/",
        "https://api.openai.com/v1/surprise",
        "https://api.groq.com/openai/v1/surprise",
        "https://openrouter.ai/api/v1/credits",
        f"{CODEX}/surprise",
        "https://chatgpt.com/Backend-API/codex/surprise",
        "https://chatgpt.com/backend-api/codex",
    ],
)
def test_everything_on_a_governed_host_is_a_call(address: str) -> None:
    """What the catalogue doesn't know is unknown, not free."""
    assert operation("GET", address) == "unknown"


CLAUDE = "https://api.anthropic.com/v1"
AT_ANTHROPIC: dict[tuple[str, str], tuple[str, str]] = {
    ("POST", f"{CLAUDE}/complete"): ("anthropic.complete", "inference"),
    ("POST", f"{CLAUDE}/agents?beta=true"): ("anthropic.createAgent", "data"),
    ("POST", f"{CLAUDE}/agents/agent_1"): ("anthropic.updateAgent", "data"),
    ("GET", f"{CLAUDE}/environments/env_1/work/poll?beta=true"): (
        "anthropic.pollEnvironmentWork",
        "data",
    ),
    ("GET", f"{CLAUDE}/environments/env_1/work/w_1"): ("anthropic.retrieveEnvironmentWork", "data"),
    ("POST", f"{CLAUDE}/sessions/s_1/events?beta=true"): ("anthropic.sendSessionEvents", "data"),
    ("GET", f"{CLAUDE}/sessions/s_1/events/stream"): ("anthropic.streamSessionEvents", "data"),
    ("POST", f"{CLAUDE}/vaults/v_1/credentials"): ("anthropic.createVaultCredential", "admin"),
    ("POST", f"{CLAUDE}/tunnels/t_1/reveal_token"): ("anthropic.revealTunnelToken", "admin"),
    ("GET", f"{CLAUDE}/files?beta=true"): ("listFiles", "data"),
    ("DELETE", f"{CLAUDE}/skills/s_1?beta=true"): ("DeleteSkill", "data"),
}


@pytest.mark.parametrize("asked", AT_ANTHROPIC, ids=" ".join)
def test_what_anthropics_sdk_calls_is_in_the_catalogue(asked: tuple[str, str]) -> None:
    """With and without the query by which the SDK asks for its beta API."""
    method, address = asked
    path, _, query = address.removeprefix("https://api.anthropic.com").partition("?")
    request = HttpRequest(method, "https", "api.anthropic.com", 443, path, query, (), b"")
    found = MATCHER.match(request)
    assert found is not None
    assert (found.id, found.category) == AT_ANTHROPIC[asked]


@pytest.mark.parametrize("end", ["/agents/completions", "/agents/Completions"])
def test_completing_as_an_agent_is_no_update_of_one(end: str) -> None:
    """Mistral's path of a chat is also one at which Anthropic has an agent."""
    assert operation("POST", f"https://api.mistral.ai/v1{end}") == "mistral.completeAgent"


SOCKETS = {
    f"{CODEX}/responses": "connectResponses",
    "https://intra.example/backend-api/codex/responses": "connectResponses",
    "http://localhost:4000/responses": "connectResponses",
    "https://api.openai.com/v1/responses": "connectResponses",
    "https://api.openai.com/any/responses": "connectResponses",
    "https://intra.example/llm/team-7/responses": "connectResponses",
    "http://localhost:4000/realtime": "connectRealtime",
    "https://intra.example/llm/realtime?model=m": "connectRealtime",
    f"{AZURE}/openai/realtime?deployment=m": "connectRealtime",
}


@pytest.mark.parametrize("address", SOCKETS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_websocket_is_known_by_its_paths_end_on_any_host(method: str, address: str) -> None:
    """Under any prefix, as a POST of the same name is known by its body."""
    found = operation(method, address, UPGRADE)
    assert found in (SOCKETS[address], RESPOND)  # a POST that upgrades is refused when it is read


@pytest.mark.parametrize("path", ["/", "/chat", "/v1/files", "/responses/live", "/realtimes"])
def test_other_websockets_are_left_alone(path: str) -> None:
    """A chat between people isn't ours."""
    assert operation("GET", f"https://example.com{path}", UPGRADE) is None


@pytest.mark.parametrize("host", ["chatgpt.com/backend-api/codex", "localhost:4000", "a.example/x"])
@pytest.mark.parametrize(
    "end",
    [
        *("/Responses", "/responses/", "//responses", "/%72esponses/", "/x%2Fresponses"),
        *("/responses;a=b", "/REALTIME", "/./realtime", "/x/../realtime", "/realtime%00"),
        *("/realtime%20", "/x\\realtime"),
    ],
)
def test_a_websockets_path_with_two_readings_is_refused(host: str, end: str) -> None:
    """As a POST's is."""
    with pytest.raises(Refusal) as refused:
        operation("GET", f"https://{host}{end}", UPGRADE)
    assert refused.value.code == "SCHEMA_VIOLATION"


@pytest.mark.parametrize("host", ["api.openai.com", "example.com"])
@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat%2Fcompletions",
        "/v1//chat/completions",
        "/v1/./chat/completions",
        "/v1/x/../chat/completions",
        "/v1/chat/completions/",
        "/v1/chat/completions%00",
        "/v1/chat/completions;v=1",
        "/v1/chat/%2563ompletions",
        "/v1\\chat\\completions",
        "/V1/Chat/Completions",
        "/v1/chat/completions#x",
        "/v1/chat/completions%20",
    ],
)
def test_a_path_with_two_readings_is_refused(host: str, path: str) -> None:
    """What some server might read as a call's path must be written as one."""
    with pytest.raises(Refusal) as refused:
        operation("POST", f"https://{host}{path}")
    assert refused.value.code == "SCHEMA_VIOLATION"


@pytest.mark.parametrize(
    "names",
    [("evil.example",), ("api.openai.com", "evil.example"), ("api.openai.com:444",)],
)
def test_names_that_disagree_are_refused(names: tuple[str, ...]) -> None:
    """The authority, Host and SNI must name where the bytes go."""
    request = HttpRequest(
        "POST", "https", "api.openai.com", 443, "/v1/chat/completions", "", (), b"", names=names
    )
    with pytest.raises(Refusal):
        MATCHER.match(request)


def test_a_governed_name_on_another_host_is_a_call() -> None:
    """Fronting: the Host header's claim is enough to be judged, and then refused."""
    request = HttpRequest("GET", "https", "cdn.example", 443, "/", "", (), b"",
                          names=("api.openai.com",))  # fmt: skip
    with pytest.raises(Refusal):
        MATCHER.match(request)


@pytest.mark.parametrize(
    ("host", "provider"),
    [("api.openai.com", "openai"), ("acme.openai.azure.com", "azure"), ("gpu-7", "other")],
)
def test_providers_have_names(host: str, provider: str) -> None:
    """Policy can speak of providers instead of hosts."""
    assert provider_of(host) == provider


@pytest.mark.parametrize("path", ["//api/v1/credits", "/x/../api/v1/credits"])
def test_a_prefix_in_another_spelling_is_refused(path: str) -> None:
    """`openrouter.ai/api/` governs `//api/` too: what isn't written plainly goes nowhere."""
    with pytest.raises(Refusal):
        operation("GET", f"https://openrouter.ai{path}")


def test_a_prefix_in_escapes_is_still_governed() -> None:
    """An unreserved character means the same with and without its escape."""
    assert operation("GET", "https://openrouter.ai/%61pi/v1/credits") == "unknown"
