"""Clouds' own paths: on any host, with the model where it stands, and written in one way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_boundary.calls.call import HttpRequest, Operation
from helm_boundary.calls.hosts import DEFAULT_HOSTS, parse_host_pattern
from helm_boundary.calls.refusal import Refusal
from helm_boundary.matching.cloud_paths import cloud_paths
from helm_boundary.matching.matcher import Matcher
from helm_boundary.parsing.requests import read_call, recognise

LIMIT = 1 << 20
MATCHER = Matcher([parse_host_pattern(pattern) for pattern in DEFAULT_HOSTS])
MESSAGES = [{"role": "user", "content": "hi"}]
ANTHROPIC = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": MESSAGES}
CHAT = {"messages": MESSAGES, "max_completion_tokens": 9}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "hi"}]}], "inferenceConfig": {}}
PROMPT = {"prompt": "hi"}
VERTEX = "/v1/projects/p/locations/europe-west1/publishers"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude"


def request(
    path: str, body: Any, *, host: str = "cloud.example", method: str = "POST", reached_at: str = ""
) -> HttpRequest:
    """Make a request with a JSON body."""
    path, _, query = path.partition("?")
    text = json.dumps(body).encode()
    return HttpRequest(method, "https", host, 443, path, query, (), text, reached_at=reached_at)


def found(path: str, body: Any, **more: Any) -> tuple[str, str, str | None]:
    """Return the operation's id, its dialect and the model of a request."""
    asked = request(path, body, **more)
    operation = recognised(asked)
    return operation.id, operation.dialect, read_call(asked, operation, LIMIT).call.model


def recognised(asked: HttpRequest) -> Operation:
    """Return the operation of what must be a call."""
    operation = recognise(MATCHER, asked, LIMIT)
    assert operation is not None
    return operation


DOCUMENTED: list[tuple[str, Any, tuple[str, str, str | None]]] = [
    (f"/model/{CLAUDE}/invoke", ANTHROPIC, ("bedrock.invokeModel", "messages", CLAUDE)),
    (f"/model/{CLAUDE.replace(':', '%3A')}/invoke", ANTHROPIC,
     ("bedrock.invokeModel", "messages", CLAUDE)),
    (f"/model/{ARN.replace(':', '%3A').replace('/', '%2F')}/invoke", ANTHROPIC,
     ("bedrock.invokeModel", "messages", ARN)),
    ("/model/openai.gpt-oss-120b-1:0/invoke", CHAT,
     ("bedrock.invokeModel", "chat", "openai.gpt-oss-120b-1:0")),
    ("/model/amazon.nova-lite-v1:0/invoke", CONVERSE,
     ("bedrock.invokeModel", "generic", "amazon.nova-lite-v1:0")),
    ("/model/meta.llama3-8b/invoke", PROMPT,
     ("bedrock.invokeModel", "completions", "meta.llama3-8b")),
    (f"/model/{CLAUDE}/converse", CONVERSE, ("bedrock.converse", "bedrock", CLAUDE)),
    (f"/model/{CLAUDE}/converse-stream", CONVERSE, ("bedrock.converseStream", "bedrock", CLAUDE)),
    (f"/model/{CLAUDE}/invoke-with-response-stream", ANTHROPIC,
     ("bedrock.invokeModelWithResponseStream", "messages", CLAUDE)),
    (f"/aws/bedrock-runtime/us-east-1/model/{CLAUDE}/converse", CONVERSE,
     ("bedrock.converse", "bedrock", CLAUDE)),
    ("/endpoints/mine/invocations", CHAT, ("sagemaker.invokeEndpoint", "chat", "mine")),
    (f"{VERTEX}/anthropic/models/claude-sonnet-4@20250514:rawPredict", ANTHROPIC,
     ("vertex.rawPredict", "messages", "claude-sonnet-4@20250514")),
    (f"{VERTEX}/anthropic/models/claude-sonnet-4@20250514:streamRawPredict",
     {**ANTHROPIC, "stream": True},
     ("vertex.streamRawPredict", "messages", "claude-sonnet-4@20250514")),
    (f"{VERTEX}/mistralai/models/mistral-large:rawPredict", {**CHAT, "model": "mistral-large"},
     ("vertex.rawPredict", "chat", "mistral-large")),
    ("/v1/projects/p/locations/l/endpoints/42:rawPredict", CHAT,
     ("vertex.rawPredict", "chat", "42")),
    ("/v1beta/models/gemini-2.5-pro:generateContent", {"contents": []},
     ("gemini.generateContent", "gemini", "gemini-2.5-pro")),
    ("/v1beta/models/gemini-2.5-pro%3AstreamGenerateContent?alt=sse", {"contents": []},
     ("gemini.streamGenerateContent", "gemini", "gemini-2.5-pro")),
    ("/serving-endpoints/my-llama/invocations", CHAT,
     ("databricks.queryEndpoint", "chat", "my-llama")),
    ("/serving-endpoints/emb/invocations", {"input": ["hi"]},
     ("databricks.queryEndpoint", "generic", "emb")),
    ("/ml/v1/text/chat?version=2024-10-08", {**CHAT, "model_id": "ibm/granite"},
     ("watsonx.chat", "watsonx", "ibm/granite")),
    ("/ml/v1/text/generation_stream", {"model_id": "ibm/granite", "input": "hi"},
     ("watsonx.generateStream", "watsonx", "ibm/granite")),
    ("/ml/v1/deployments/d-1/text/chat_stream", CHAT, ("watsonx.chatStream", "watsonx", "d-1")),
    ("/api/v1/services/aigc/text-generation/generation",
     {"model": "qwen-plus", "input": {"messages": MESSAGES}},
     ("dashscope.generate", "dashscope", "qwen-plus")),
    ("/api/v1/apps/app-1/completion", {"input": {"prompt": "hi"}},
     ("dashscope.completeApp", "dashscope", "app-1")),
    ("/v1/agents/completions", {**CHAT, "agent_id": "ag_1"},
     ("mistral.completeAgent", "chat", "ag_1")),
    ("/v1/fim/completions", {**PROMPT, "model": "codestral"},
     ("mistral.completeCode", "completions", "codestral")),
    ("/v1/conversations", {"model": "mistral-medium", "inputs": "hi"},
     ("mistral.converse", "conversations", "mistral-medium")),
    ("/v1/conversations", {"agent_id": "ag_1", "inputs": MESSAGES},
     ("mistral.converse", "conversations", "ag_1")),
    ("/v1/conversations/c-1/restart", {"inputs": "hi"},
     ("mistral.converse", "conversations", None)),
    ("/client/v4/accounts/a/ai/run/@cf/meta/llama-3.1-8b-instruct", CHAT,
     ("cloudflare.run", "chat", "@cf/meta/llama-3.1-8b-instruct")),
    ("/v1/acc/gate/workers-ai/@cf/meta/llama-3.1-8b", PROMPT,
     ("cloudflare.run", "completions", "@cf/meta/llama-3.1-8b")),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "expected"), DOCUMENTED)
@pytest.mark.parametrize("prefix", ["", "/gateway/team-7"])
def test_a_clouds_path_is_a_call_on_any_host(
    path: str, body: Any, expected: tuple[str, str, str | None], prefix: str
) -> None:
    """As its documentation writes it, also behind a gateway, and whatever else is governed."""
    assert found(prefix + path, body) == expected
    assert found(prefix + path, body, reached_at="127.0.0.1:9090") == expected


@pytest.mark.parametrize(
    "path",
    [
        f"/Model/{CLAUDE}/Invoke",
        f"/%6dodel/{CLAUDE}/invoke",
        f"{VERTEX}/anthropic/Models/{CLAUDE}:RAWPREDICT",
        f"/Serving-Endpoints/{CLAUDE}/invocations",
        f"/serving-endpoints/{CLAUDE.replace('a', '%61')}/invocations",
    ],
)
def test_a_path_in_other_letters_names_the_same_model(path: str) -> None:
    """Some servers don't tell them apart, and the one that answers is the path's."""
    assert found(path, ANTHROPIC)[1:] == ("messages", CLAUDE)


@pytest.mark.parametrize(
    "path",
    [
        "/model//m/invoke",
        "/model/m/invoke/",
        "/model/m/./invoke",
        "/model/m%2Finvoke",
        "/model%2Fm/invoke",
        "/model/m/%2569nvoke",
        "/model/a;b/invoke",
        "/model/a%252Fb/invoke",
        "/model/a%23b/invoke",
        "/model/a/model/b/invoke",
        "/model/a%2Fmodel%2Fb/invoke",
        "/openai/deployments/a/model/b/invoke",
        "/v1beta/models/a%2Fmodels%2Fb:generateContent",
        "/serving-endpoints/m/invocations;x",
        "/serving-endpoints/m\\invocations",
    ],
)
def test_a_path_with_two_readings_is_refused(path: str) -> None:
    """Of the operation, or of which model it names."""
    with pytest.raises(Refusal):
        found(path, ANTHROPIC)


@pytest.mark.parametrize(
    "path",
    [
        f"/model/{CLAUDE}/invoke-with-bidirectional-stream",
        "/endpoints/e/invocations-response-stream",
    ],
)
def test_a_framing_that_cant_be_read_is_refused_by_name(path: str) -> None:
    """Before anything is sent: its answer would come as it likes."""
    with pytest.raises(Refusal) as refused:
        found(path, ANTHROPIC)
    assert refused.value.code == "CAPABILITY_UNKNOWN"


@pytest.mark.parametrize("method", ["PUT", "post", "X-POST", "GET"])
def test_a_body_on_a_clouds_path_is_a_call_with_any_method(method: str) -> None:
    """A server that looks at the path alone would serve it."""
    assert found(f"/model/{CLAUDE}/invoke", ANTHROPIC, method=method)[2] == CLAUDE


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/conversations", {"subject": "hi"}),
        ("/v1/conversations", {"agent_id": "a", "subject": "hi"}),
        ("/model/m", {"a": 1}),
        ("/model/m/invoke/now", {"a": 1}),
        ("/endpoints/m", {"a": 1}),
        ("/v1/agents", {"name": "a"}),
        ("/classify", {"text": "hi"}),
        ("/tokenize", {"text": "hi"}),
    ],
)
def test_other_peoples_paths_are_left_alone(path: str, body: Any) -> None:
    """What no cloud's documentation has, and no body tells."""
    assert recognise(MATCHER, request(path, body), LIMIT) is None


def test_a_model_in_the_body_beside_the_paths_is_judged_as_well() -> None:
    """A gateway may take either."""
    asked = request("/model/harmless/invoke", {**CHAT, "model": "evil"})
    call = read_call(asked, recognised(asked), LIMIT).call
    assert (call.model, call.models) == ("harmless", ("harmless", "evil"))


def test_what_policy_sees_and_may_rewrite_is_the_body_as_it_came() -> None:
    """The path's model isn't put into it: Bedrock refuses members that it doesn't know."""
    asked = request(f"/model/{CLAUDE}/invoke", ANTHROPIC)
    read = read_call(asked, recognised(asked), LIMIT)
    assert (read.model, read.call.body) == (CLAUDE, ANTHROPIC)


NEIGHBOURS: dict[str, tuple[dict[str, Any], str]] = {
    "/tokenize": ({"prompt": "hi"}, "tokenize"),
    "/v1/tokenize": ({"prompt": "hi"}, "tokenize"),
    "/detokenize": ({"input": "hi"}, "detokenize"),
    "/classify": ({"input": ["hi"]}, "classify"),
    "/v1/tokenizers/estimate-token-count": (
        {"messages": MESSAGES},
        "moonshot.estimateTokenCount",
    ),
    "/v1/messages/count_tokens": ({"messages": MESSAGES}, "anthropic.countTokens"),
}


@pytest.mark.parametrize("path", NEIGHBOURS)
@pytest.mark.parametrize("host", ["cloud.example", "api.mistral.ai"])
def test_what_counts_tokens_is_an_operation_of_its_own(path: str, host: str) -> None:
    """Of category meta, read as the call that it has in it, answered otherwise."""
    body, expected = NEIGHBOURS[path]
    operation = recognised(request(path, {"model": "m", **body}, host=host))
    assert (operation.id, operation.category, operation.loose) == (expected, "meta", True)


def test_a_long_path_costs_its_length() -> None:
    """Also one that repeats what a cloud's path begins with."""
    for path in ("/model/" * 9_000, "/models/x" * 7_000, "/ai/run/" * 8_000, "/aigc/a" * 9_000):
        assert recognise(MATCHER, request(path + "x", {}), LIMIT) is None


def test_each_cloud_operation_has_one_category() -> None:
    """Several paths may be one operation."""
    told = {(each.operation.id, each.operation.category) for each in cloud_paths()}
    assert len({name for name, _ in told}) == len(told)
