"""What stands outside of a body is looked at, and what honest clients send there is no finding."""

from __future__ import annotations

import random
import uuid
from urllib.parse import quote

import pytest

from helm_boundary.calls.call import HttpRequest
from helm_boundary.calls.refusal import Refusal
from helm_boundary.evaluation.findings import OutsideScan
from helm_boundary.evaluation.http_texts import http_texts
from helm_boundary.policy.detectors.detectors import compile_detectors
from helm_boundary.policy.sources.policy import read_policy
from support.leaks import CARD, CLOUD_KEY, MAIL, SECRETS, TOKEN

_chance = random.Random(3)
DETECTORS = compile_detectors(read_policy([]).detectors_text)
JWT = (
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZ2VudCIsImV4cCI6MTc2NH0."
    + _chance.randbytes(32).hex()
)


def request(path: str = "/v1/responses", query: str = "", **headers: str) -> HttpRequest:
    """Return a request with these headers (`_` for a hyphen)."""
    told = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return HttpRequest("POST", "https", "api.openai.com", 443, path, query, told, b"{}")


def texts(name: str, value: str) -> list[tuple[str, str]]:
    """Return the pointers and texts of one item."""
    return [(text.pointer, text.text) for text in http_texts(name, value)]


READINGS = {
    ("x-note", "a"): [("/http/headers/x-note", "x-note: a")],
    ("X-Note", "a%41"): [
        ("/http/headers/x-note", "X-Note: a%41"),
        ("/http/headers/x-note", "X-Note: aA"),
    ],
    (":query", "a=1&b%2F[]=x+y"): [
        ("/http/query/a", "a: 1"),
        ("/http/query/b~1", "b/[]: x+y"),
        ("/http/query/b~1", "b/[]: x y"),
    ],
    (":path", "/v1/a%20b"): [
        ("/http/path", text)
        for text in ("", "v1", "a%20b", "/v1/a%20b", "", "v1", "a b", "/v1/a b")
    ],
}


@pytest.mark.parametrize("item", READINGS)
def test_each_reading_is_a_text(item: tuple[str, str]) -> None:
    """As written and as decoded, the name before the value."""
    assert texts(*item) == READINGS[item]


LEAKING = {
    ("/http/query/note", "secret.github"): request(query=f"note={TOKEN}"),
    (f"/http/query/{TOKEN}", "secret.github"): request(query=TOKEN),
    ("/http/query/b", "personal.payment_card"): request(query=f"a=1;b={quote(CARD)}"),
    ("/http/path", "secret.aws_access_key_id"): request(f"/v1/files/{CLOUD_KEY}"),
    ("/http/path", "personal.email"): request(f"/v1/files/{quote(quote(MAIL))}"),
    ("/http/headers/x-note", "secret.github"): request(X_Note=TOKEN),
    ("/http/headers/cookies", "secret.github"): request(cookies=TOKEN),
    ("/http/headers/baggage", "personal.payment_card"): request(
        baggage=f"a=1,card={quote(CARD)};p=1"
    ),
    ("/http/headers/sec-websocket-protocol", "secret.github"): request(
        Sec_WebSocket_Protocol=f"realtime, {TOKEN}"
    ),
}


@pytest.mark.parametrize("place", LEAKING)
def test_what_is_found_has_a_pointer(place: tuple[str, str]) -> None:
    """Each finding says that it is outside of the body, and the second look finds it again."""
    scan = OutsideScan(DETECTORS)
    for _ in range(2):
        found = scan.scan(LEAKING[place])
        assert (found[0].pointer, found[0].detector) == place
        assert {each.place for each in found} == {"http"}


def test_a_key_under_escapes_in_a_header_is_found() -> None:
    """Codex sends JSON in a header."""
    value = f'{{"a": "{TOKEN.replace("g", chr(92) + "u0067", 1)}"}}'
    assert OutsideScan(DETECTORS).scan(request(x_turn=value))


def test_json_in_a_header_that_cant_be_read_is_refused() -> None:
    """As it is in a body."""
    with pytest.raises(Refusal):
        OutsideScan(DETECTORS).scan(request(x_turn="[" * 100_000 + "\\u0041"))


CREDENTIALS = [
    "Authorization", "x-api-key", "api-key", "Ocp-Apim-Subscription-Key", "x-goog-api-key",
    "Proxy-Authorization", "Cookie", "x-amz-security-token", "Helicone-Auth", "X-Helm-Note",
    "cf-aig-authorization", "x-portkey-api-key", "X-Forwarded-Access-Token", "X-Amzn-Oidc-Data",
    "x-goog-iap-jwt-assertion", "X-Vercel-Oidc-Token", "X-GitHub-Token", "DPoP",
]  # fmt: skip


@pytest.mark.parametrize("name", CREDENTIALS)
def test_a_key_where_a_key_belongs_is_no_finding(name: str) -> None:
    """It is sent to a provider there; nor is it remembered."""
    scan = OutsideScan(DETECTORS)
    for secret in (*SECRETS.values(), f"Bearer {JWT}"):
        assert scan.scan(request(**{name: secret})) == []
        assert not [item for item in scan._clean if secret in item[1]]


HEX = _chance.randbytes(16).hex()
UUID = str(uuid.UUID(int=_chance.getrandbits(128)))
HONEST: dict[str, HttpRequest] = {
    "the OpenAI SDK": request(
        host="api.openai.com", accept="application/json", content_type="application/json",
        user_agent="OpenAI/Python 2.8.1", x_stainless_lang="python", x_stainless_os="Linux",
        x_stainless_package_version="2.8.1", x_stainless_arch="x64", x_stainless_async="false",
        x_stainless_runtime="CPython", x_stainless_runtime_version="3.12.3",
        x_stainless_retry_count="0", x_stainless_read_timeout="600", connection="keep-alive",
        openai_organization="org-AbCdEfGhIjKlMnOpQrStUvWx", openai_project="proj_" + HEX[:24],
        idempotency_key=f"stainless-python-retry-{UUID}", content_length="1234",
    ),
    "Claude Code": request(
        "/v1/messages", "beta=true", x_app="cli", user_agent="claude-cli/2.0.14 (external, cli)",
        anthropic_beta="claude-code-20250219,interleaved-thinking-2025-05-14,oauth-2025-04-20",
        anthropic_dangerous_direct_browser_access="true", anthropic_version="2023-06-01",
        x_claude_code_session_id=UUID, authorization="Bearer sk-ant-oat01-" + HEX * 3,
    ),
    "Codex": request(
        "/backend-api/codex/responses", session_id=UUID, conversation_id=UUID,
        chatgpt_account_id=UUID, originator="codex_cli_rs", openai_beta="responses=experimental",
        user_agent="codex_cli_rs/0.63.0 (Ubuntu 24.4.0; x86_64) xterm-256color",
        x_codex_turn_metadata=(
            '{"workspaces":{"/home/me/work":{"latest_git_commit_hash":"' + HEX + '","associated_'
            'remote_urls":{"origin":"git@github.com:openai/codex.git"}}}}'
        ),
    ),
    "tracing": request(
        traceparent=f"00-{HEX}-{HEX[:16]}-01", tracestate="dd=s:1;o:rum;p:0123456789abcdef,x=1",
        baggage="service=agent,deployment.environment=prod", b3=f"{HEX}-{HEX[:16]}-1",
        x_request_id=UUID, x_cloud_trace_context=f"{HEX}/4539846239401984;o=1",
        x_amzn_trace_id="Root=1-67891233-abcdef012345678912345678;Sampled=1",
        x_datadog_trace_id="8448337770503079139", cf_ray="8f2a3b4c5d6e7f80-FRA",
        x_request_start="t=1731234567890123", x_forwarded_for="10.0.0.1, 192.168.1.7",
    ),
    "a signed request": request(
        "/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/converse",
        authorization=f"AWS4-HMAC-SHA256 Credential={CLOUD_KEY}/20251129/us-east-1/bedrock/"
        f"aws4_request, SignedHeaders=host;x-amz-date, Signature={HEX}{HEX}",
        x_amz_date="20251129T014628Z", x_amz_security_token="IQoJb3JpZ2luX2VjE" + HEX * 9,
        x_amz_content_sha256=HEX * 2, amz_sdk_invocation_id=UUID, amz_sdk_request="attempt=1",
    ),
    "a signed address": request(
        query=f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={CLOUD_KEY}%2F20251129%2Fus-east"
        f"-1%2Fbedrock%2Faws4_request&X-Amz-Date=20251129T014628Z&X-Amz-Expires=900&X-Amz-"
        f"SignedHeaders=host&X-Amz-Security-Token={JWT}&X-Amz-Signature={HEX}{HEX}",
    ),
    "Azure": request(
        "/openai/deployments/gpt-4o/chat/completions", "api-version=2025-04-01-preview",
        apim_request_id=UUID, x_ms_client_request_id=UUID, x_ms_useragent="azsdk-net/1.0"),
    "Gemini": request(
        "/v1beta/models/gemini-2.5-pro:generateContent",
        "key=AIzaSy" + "Bq7rT2mK9xZ4wL6vN8pS1dF3gH5jC0aYe&alt=sse",
        x_goog_user_project="my-project", x_goog_api_client="genai-js/1.0 gl-node/22"),
    "Vertex": request(
        "/v1/projects/my-project-123456/locations/us-east5/publishers/anthropic/models"
        "/claude-sonnet-4@20250514:rawPredict"),
    "Cloudflare": request(f"/client/v4/accounts/{HEX}/ai/run/@cf/meta/llama-3.1-8b-instruct"),
    "OpenRouter": request(http_referer="https://example.com/app", x_title="My app"),
    "a chat's id": request("/v1/chat/completions/chatcmpl-CgxYd4w7LkqU0bTzPq9rS2nVf1aBc"),
    "a file's id": request("/v1/files/file-8nQGJ4hYw6mZb3Kx1TfPvR/content"),
    "a response's id": request(
        f"/v1/responses/resp_{HEX}{HEX[:18]}/input_items", f"after=msg_{HEX}&limit=20&order=asc"),
    "a batch's id": request(f"/v1/messages/batches/msgbatch_01{HEX[:22]}/results"),
    "a session's id": request(f"/v1/sessions/{UUID}/chat/completions"),
    "a filter": request(query="metadata[case]=a%20b&include[]=reasoning.encrypted_content"),
    "an editor": request(editor_version="vscode/1.104.0", vscode_machineid=HEX * 2,
        vscode_sessionid=UUID + "1731234567890", copilot_integration_id="vscode-chat",
        x_github_api_version="2025-05-01", x_initiator="agent"),
    "a browser": request(sec_ch_ua='"Chromium";v="142", "Not_A Brand";v="99"', dnt="1",
        accept_language="de-CH,de;q=0.9", sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==",
        sec_websocket_extensions="permessage-deflate; client_max_window_bits"),
}  # fmt: skip


@pytest.mark.parametrize("client", HONEST)
def test_honest_traffic_has_no_findings(client: str) -> None:
    """Ids, traces, signatures, versions: none looks like a leak."""
    assert OutsideScan(DETECTORS).scan(HONEST[client]) == []


def test_what_was_clean_is_remembered_in_bounds() -> None:
    """Long values, queries and keys aren't kept, and there are never too many."""
    scan = OutsideScan(DETECTORS)
    for at in range(5_000):
        scan.scan(request(query=f"a={at}", x_id=str(at), x_long="a" * 1_000))
    assert 0 < len(scan._clean) <= 4_096
    assert not [item for item in scan._clean if item[0] in (":query", "x-long")]


def test_a_path_is_shown_without_what_was_found() -> None:
    """Segment by segment, and as a whole where only the whole is found."""
    scan = OutsideScan(DETECTORS)
    assert scan.clean_path("/v1/files/file-1") == "/v1/files/file-1"
    assert scan.clean_path(f"/v1/{TOKEN}/x") == "/v1/(secret.github)/x"
    assert scan.clean_path(f"/v1/%67{TOKEN[1:]}/x") == "/v1/(secret.github)/x"


@pytest.mark.parametrize(
    "told",
    [
        request("/a" * 2_000),
        request(query="&".join(f"a{at}=1" for at in range(2_000))),
        request(query=";".join("a" * 2_000)),
        request(baggage=",".join(f"a{at}=1" for at in range(2_000))),
    ],
    ids=["segments", "parameters", "parameters behind semicolons", "members of a header"],
)
def test_more_parts_than_anybody_has_are_refused(told: HttpRequest) -> None:
    """Looking at each would keep other calls waiting; a receipt's path says nothing of them."""
    scan = OutsideScan(DETECTORS)
    with pytest.raises(Refusal):
        scan.scan(told)
    assert "aaaa" not in scan.clean_path(told.path).replace("/", "")
