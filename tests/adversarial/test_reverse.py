"""A reverse listener's server is governed without being listed: every request to it is a call."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.scene import JSON_BODY, Scene, assert_refusal, chat_body, scene
from support.wire import Reply


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a reverse listener with the default policy and the default hosts."""
    with scene(tmp_path_factory.mktemp("scene"), policy=None) as stage:
        yield stage


REFUSED = {
    ("DELETE", "/v1/files/file-1"): "INSUFFICIENT_PRIVILEGE",
    ("GET", "/v1/files/file-1/content"): "INSUFFICIENT_PRIVILEGE",
    ("POST", "/v1/organization/admin_api_keys"): "INSUFFICIENT_PRIVILEGE",
    ("DELETE", "/v1/models/mine"): "INSUFFICIENT_PRIVILEGE",
    ("POST", "/v1/surprise"): "CAPABILITY_UNKNOWN",
    ("GET", "/key/info"): "CAPABILITY_UNKNOWN",
    ("GET", "/"): "CAPABILITY_UNKNOWN",
    ("DELETE", "/api/delete"): "INSUFFICIENT_PRIVILEGE",
    ("GET", "/v1/files/x%2Fy"): "CAPABILITY_UNKNOWN",
    ("GET", "/v1//files"): "SCHEMA_VIOLATION",
}


@pytest.mark.parametrize(("method", "path"), REFUSED)
def test_what_no_policy_has_allowed_is_denied(stage: Scene, method: str, path: str) -> None:
    """Data, keys, models and what nobody knows: no such request reaches the server."""
    with stage.untouched():
        answer = stage.post(b"", path=path, method=method, headers=())
    assert_refusal(answer, REFUSED[method, path])
    assert [each["verdict"] for each in stage.records(answer.correlation)] == ["DENY", "DENY"]


@pytest.mark.parametrize(
    "path", ["/v1/models", "/api/tags", "/api/ps", "/api/version", "/health", "/version", "/props"]
)
def test_asking_how_a_server_is_passes(stage: Scene, path: str) -> None:
    """Operations of category meta, with their receipts."""
    told = {"models": [{"name": "m", "details": {"family": "llama"}}]}
    stage.upstream.answer(lambda _: Reply.json(told))
    answer = stage.post(b"", path=path, method="GET", headers=())
    assert (answer.status, answer.json()) == (200, told)
    assert [each["verdict"] for each in stage.records(answer.correlation)] == ["ALLOW", "ALLOW"]


def test_a_call_on_a_path_of_the_servers_own_passes(stage: Scene) -> None:
    """Known by its body, as on any host."""
    body = chat_body(model="gpt-4o-mini")
    stage.upstream.answer(lambda _: Reply.json({"message": {"content": "Hi"}}))
    answer = stage.post(body, path="/api/chat")
    assert answer.status == 200, answer
    assert stage.upstream.requests[-1].body == body


TEXT, PICTURE = (("Content-Type", "text/plain"),), (("Content-Type", "image/png"),)


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/upload/v1beta/files?upload_id=1", b"Paris is in France.", TEXT),
        ("/upload/v1beta/files", bytes(range(256)), PICTURE),
        ("/v1/responses/resp_1/cancel", b"", ()),
        ("/v1/threads/t/runs/r/cancel", b"", JSON_BODY),
    ],
)
def test_uploads_and_empty_bodies_pass_where_policy_allows_them(
    permissive: Scene, path: str, body: bytes, headers: tuple[tuple[str, str], ...]
) -> None:
    """A file as it is, and a POST that says nothing, arrive as they were sent."""
    permissive.upstream.answer(lambda _: Reply.json({"id": "x", "output": []}))
    answer = permissive.post(body, path=path, headers=headers)
    assert answer.status == 200, answer
    assert permissive.upstream.requests[-1].body == body
    assert len(permissive.records(answer.correlation)) == 2


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"model": "denied", "messages": []}).encode(),
        json.dumps({"model": "denied", "messages": []}).encode("utf-16"),
        b"{'model': 'denied', 'messages': []}",
    ],
)
def test_a_call_in_the_name_of_an_upload_is_judged_or_refused(
    permissive: Scene, body: bytes
) -> None:
    """What some server would still read as one isn't a file."""
    with permissive.untouched():
        answer = permissive.post(body, path="/upload/v1beta/files", headers=TEXT)
    assert answer.status == 403


@pytest.fixture(scope="module")
def permissive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a reverse listener with the scripted policy, which allows every operation."""
    with scene(tmp_path_factory.mktemp("permissive")) as stage:
        yield stage
