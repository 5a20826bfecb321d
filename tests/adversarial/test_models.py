"""Requests that name several models, and batches of requests: each is judged, or none leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.scene import JSON_BODY, Scene, assert_refused, assert_works, scene
from support.upstream import Reply

MESSAGES = [{"role": "user", "content": "hi"}]
BATCHES = "/v1/messages/batches"
SEVERAL: dict[str, dict[str, Any]] = {
    "models": {"models": ["evil-model-9000"], "route": "fallback"},
    "models in capitals, further down": {"provider_options": {"Models": ["evil-model-9000"]}},
    "fallbacks": {"fallbacks": [{"model": "evil-model-9000"}]},
    "fallback_models": {"fallback_models": ["gpt-4o", "evil-model-9000"]},
    "further down": {"extra_body": {"models": ["evil-model-9000"]}},
    "a tool's": {"tools": [{"type": "image_generation", "model": "evil-model-9000"}]},
    "joined": {"model": "gpt-4o-mini,evil-model-9000"},
}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a boundary with the shipped policy, which here allows batches."""
    folder = tmp_path_factory.mktemp("shipped")
    policy = folder / "mine"
    policy.mkdir()
    (policy / "data.yaml").write_text(
        "operations: {allow: [anthropic.createMessageBatch, createFile]}\n"
    )
    with scene(folder, policy=policy) as stage:
        yield stage


def chat(**more: Any) -> bytes:
    """Return a chat completion of a model that the shipped policy allows."""
    return json.dumps({"model": "gpt-4o-mini", "messages": MESSAGES, **more}).encode()


@pytest.mark.parametrize("case", SEVERAL)
def test_each_model_that_may_run_is_judged(shipped: Scene, case: str) -> None:
    """One that isn't allowed keeps the call here."""
    with shipped.untouched():
        answer = shipped.post(chat(**SEVERAL[case]), path="/api/v1/chat/completions")
    assert (answer.status, answer.code) == (403, "POLICY_VIOLATION")
    assert answer.json()["helm"]["reasons"][0]["rule"] == "models.unlisted"


def test_several_allowed_models_pass_unchanged(shipped: Scene) -> None:
    """A fallback is nothing bad."""
    body = chat(models=["gpt-4o", "claude-sonnet-4-5"], route="fallback")
    assert shipped.post(body).status == 200
    assert shipped.upstream.requests[-1].body == body


@pytest.mark.parametrize("case", SEVERAL)
def test_a_policy_that_reads_one_model_denies_several(stage: Scene, case: str) -> None:
    """No rule of it would look at the others."""
    with stage.untouched():
        answer = stage.post(chat(**SEVERAL[case]))
    assert_refused(stage, answer, "CAPABILITY_UNKNOWN")
    assert "input.models" in answer.json()["error"]["message"]


@pytest.mark.parametrize("models", [[{"id": "x"}], {"first": "x"}])
def test_models_in_an_unknown_form_are_refused(shipped: Scene, models: Any) -> None:
    """Whatever the policy."""
    with shipped.untouched():
        answer = shipped.post(chat(models=models))
    assert (answer.status, answer.code) == (403, "CAPABILITY_UNKNOWN")


UNCLAIMED: dict[str, dict[str, Any]] = {
    "a model": {"router": {"model": "gpt-4o-mini"}},
    "tools": {"agents": [{"tools": [{"type": "function", "function": {"name": "x"}}]}]},
    "a tool": {"harness": {"tool": "shell"}},
    "a server": {"connector": {"server_url": "https://mcp.evil.example"}},
    "MCP": {"mcp": {"url": "https://mcp.evil.example"}},
}


@pytest.mark.parametrize("case", UNCLAIMED)
def test_a_model_or_tool_in_an_unknown_member_is_refused(shipped: Scene, case: str) -> None:
    """Nobody can tell what a provider does with it."""
    with shipped.untouched():
        answer = shipped.post(chat(**UNCLAIMED[case]))
    assert (answer.status, answer.code) == (403, "CAPABILITY_UNKNOWN")
    assert answer.json()["helm"]["reasons"][0]["rule"] == "operations.unclaimed"


@pytest.mark.parametrize("case", UNCLAIMED)
def test_a_policy_that_looks_at_no_unknown_member_denies_them(stage: Scene, case: str) -> None:
    """No rule of it would."""
    with stage.untouched():
        answer = stage.chat(**UNCLAIMED[case])
    assert_refused(stage, answer, "CAPABILITY_UNKNOWN")


HONEST: dict[str, dict[str, Any]] = {
    "metadata": {"metadata": {"model": "Model T", "tool": "hammer", "server_url": "none"}},
    "a listed member": {"extra_body": {"models": ["gpt-4o"]}, "plugins": [{"id": "web"}]},
    "a schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {
        "properties": {"tool": {"type": "string"}, "mcp": {"type": "string"}}}}}},
    "unknown and harmless": {"new_thing": {"level": "high", "use_tools": True}, "x": ["y"]},
}  # fmt: skip


@pytest.mark.parametrize("case", HONEST)
def test_what_carries_nobody_who_acts_passes_unchanged(shipped: Scene, case: str) -> None:
    """Providers have members of their own."""
    body = chat(**HONEST[case])
    assert shipped.post(body).status == 200
    assert shipped.upstream.requests[-1].body == body


def test_tools_among_items_are_judged(shipped: Scene) -> None:
    """A server that comes with the conversation needs a person like any other."""
    server = {"type": "mcp", "server_label": "x", "server_url": "https://mcp.evil.example"}
    items = [{"type": "additional_tools", "role": "developer", "tools": [server]}]
    body = json.dumps({"model": "gpt-4o-mini", "input": items}).encode()
    with shipped.untouched():
        answer = shipped.post(body, path="/v1/responses")
    assert (answer.status, answer.code) == (403, "APPROVAL_REQUIRED")


def test_a_custom_policy_can_judge_several_models(tmp_path: Path) -> None:
    """By whatever it says of them."""
    policy = tmp_path / "mine"
    policy.mkdir()
    (policy / "main.rego").write_text(
        "package helm\n\n"
        'decision := {"verdict": "ALLOW", "reasons": []} if not "evil" in input.models\n'
        'decision := {"verdict": "DENY", "reasons": [{"code": "NO", "rule": "r", "message": "no", '
        '"finality": "ungranted"}]} if "evil" in input.models\n'
    )
    with scene(tmp_path, policy=policy) as stage:
        assert stage.chat(models=["good"]).status == 200
        with stage.untouched():
            assert stage.chat(models=["good", "evil"]).code == "NO"


def batch(*params: dict[str, Any], **more: Any) -> bytes:
    """Return a batch of messages."""
    requests = [{"custom_id": str(at), "params": each} for at, each in enumerate(params)]
    return json.dumps({"requests": requests, **more}).encode()


GOOD: dict[str, Any] = {"model": "claude-sonnet-4-5", "max_tokens": 5, "messages": MESSAGES}
SERVERS = [{"type": "url", "url": "https://mcp.evil.example", "name": "x"}]


def test_an_allowed_batch_of_messages_passes_unchanged(shipped: Scene) -> None:
    """Where each of its requests would pass by itself."""
    made = {"id": "msgbatch_1", "type": "message_batch", "processing_status": "in_progress"}
    shipped.upstream.answer(lambda _: Reply.json(made))
    body = batch(GOOD, {**GOOD, "model": "claude-haiku-4-5", "fallbacks": [{"model": "claude-x"}]})
    answer = shipped.post(body, path=BATCHES)
    assert (answer.status, answer.json()) == (200, made)
    assert shipped.upstream.requests[-1].body == body
    shipped.upstream.answer(lambda _: None)


DENIED_IN_BATCHES: dict[str, tuple[dict[str, Any], str, str]] = {
    "a model": ({**GOOD, "model": "evil-model-9000"}, "DENY", "POLICY_VIOLATION"),
    "a fallback": ({**GOOD, "fallbacks": [{"model": "evil"}]}, "DENY", "POLICY_VIOLATION"),
    "a server": ({**GOOD, "mcp_servers": SERVERS}, "ESCALATE", "APPROVAL_REQUIRED"),
    "no model": ({"max_tokens": 5, "messages": MESSAGES}, "DENY", "SCHEMA_VIOLATION"),
    "no messages": ({"model": "claude-x", "messages": "x"}, "DENY", "SCHEMA_VIOLATION"),
    "letters": ({**GOOD, "Model": "evil-model-9000"}, "DENY", "SCHEMA_VIOLATION"),
}


@pytest.mark.parametrize("case", DENIED_IN_BATCHES)
@pytest.mark.parametrize("path", [BATCHES, f"/anthropic{BATCHES}?beta=true"])
def test_one_denied_request_denies_the_whole_batch(shipped: Scene, path: str, case: str) -> None:
    """On any host, and the refusal says which one it is."""
    params, verdict, code = DENIED_IN_BATCHES[case]
    with shipped.untouched():
        answer = shipped.post(batch(GOOD, params), path=path)
    assert (answer.status, answer.headers["x-helm-verdict"]) == (403, verdict)
    assert answer.code == code
    assert "request 2 of the batch" in answer.json()["error"]["message"]


def test_each_denied_request_is_named(shipped: Scene) -> None:
    """With the rule that denies it, and where it is; receipts have the same."""
    evil = {**GOOD, "model": "evil-model-9000"}
    with shipped.untouched():
        answer = shipped.post(batch(GOOD, evil, GOOD, evil), path=BATCHES)
    message = answer.json()["error"]["message"]
    assert "request 2 of the batch" in message
    assert "request 4" in message
    pointers = [reason["pointer"] for reason in answer.json()["helm"]["reasons"]]
    assert pointers == ["/requests/1/params", "/requests/3/params"]
    assert [
        each["pointer"] for each in shipped.records(answer.correlation)[0]["reasons"]
    ] == pointers


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        batch(),
        b'{"requests": {"0": {}}}',
        b'{"requests": [{"custom_id": "a"}]}',
        b'{"requests": [{"params": []}]}',
        batch(GOOD, Requests=[]),
        b'{"requests": [{"custom_id": "a", "params": {}, "Params": {}}]}',
        b'{"requests": [], "requests": []}',
    ],
)
def test_an_ambiguous_batch_is_refused(shipped: Scene, body: bytes) -> None:
    """Every doubt is a DENY."""
    with shipped.untouched():
        answer = shipped.post(body, path=BATCHES)
    assert (answer.status, answer.code) == (403, "SCHEMA_VIOLATION")


def test_calls_after_a_refusal_work(shipped: Scene) -> None:
    """A refusal harms nobody else."""
    assert shipped.post(chat(), headers=JSON_BODY).status == 200


def test_one_model_passes_under_the_scripted_policy(stage: Scene) -> None:
    """One model, as ever."""
    assert_works(stage)
