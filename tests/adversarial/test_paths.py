"""Paths and bodies that a server might read as a call's, though they aren't written as one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.scene import (
    CHAT,
    JSON_BODY,
    Scene,
    assert_refusal,
    assert_refused,
    chat_body,
    plain_scene,
)

LOOKALIKES = {
    "encoded slash": "/v1/chat%2Fcompletions",
    "encoded slash, small": "/v1/chat%2fcompletions",
    "encoded twice": "/v1/chat%252Fcompletions",
    "encoded three times": "/v1%25252Fchat/completions",
    "encoded letter twice": "/v1/%2563hat/completions",
    "dot segment": "/v1/./chat/completions",
    "dot segments": "/v1/models/../chat/completions",
    "dot segments, encoded": "/v1/models/%2e%2e/chat/completions",
    "dot segments above the root": "/../../v1/chat/completions",
    "final dot segment": "/v1/chat/completions/.",
    "final dot segments": "/v1/chat/completions/x/..",
    "doubled slash": "/v1//chat/completions",
    "doubled slash at the start": "//v1/chat/completions",
    "final slash": "/v1/chat/completions/",
    "final slashes": "/v1/chat/completions//",
    "NUL": "/v1/chat/completions%00",
    "NUL inside": "/v1/chat%00/completions",
    "tab": "/v1/chat/completions%09",
    "space": "/v1/chat/completions%20",
    "line end": "/v1/chat/completions%0d%0a",
    "letter case": "/v1/Chat/Completions",
    "parameters": "/v1/chat/completions;jsessionid=1",
    "parameters inside": "/v1/chat;a=b/completions",
    "backslash": "/v1\\chat\\completions",
    "backslash, encoded": "/v1%5Cchat/completions",
    "fragment": "/v1/chat/completions#fragment",
    "fragment, encoded": "/v1/chat/completions%23fragment",
    "question mark, encoded": "/v1/chat/completions%3Fa=b",
    "delete": "/v1/chat/completions%7F",
    "full-width slash": "/v1/chat%EF%BC%8Fcompletions",
    "full-width letters": "/v1/%EF%BD%83hat/completions",
    "no-break space": "/v1/chat/completions%C2%A0",
    "all at once": "/%2e/V1//x/..\\chat%252f./completions;a/",
}


@pytest.mark.parametrize("name", LOOKALIKES)
@pytest.mark.parametrize("body", [chat_body(), b"no JSON at all"], ids=["a call", "not JSON"])
def test_an_ambiguous_path_is_refused(stage: Scene, name: str, body: bytes) -> None:
    """Also when the body gives nothing away: the path alone is ambiguous."""
    with stage.untouched():
        answer = stage.post(body, path=LOOKALIKES[name])
    assert_refused(stage, answer, "SCHEMA_VIOLATION")


@pytest.mark.parametrize("method", ["post", "Post", "pOST"])
def test_a_method_in_another_letter_case_is_judged_as_that_method(
    stage: Scene, method: str
) -> None:
    """Some servers don't tell letter cases apart."""
    with stage.untouched():
        answer = stage.post(chat_body(model="denied"), method=method)
    assert_refusal(answer, "POLICY_VIOLATION")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions?api-version=1",
        "/any/prefix/v1/chat/completions",
        "/openai/deployments/denied/chat/completions?api-version=2024-06-01",
        "/api/v1/chat/completions",
        "/openai/v1/chat/completions",
        "/v1beta/openai/chat/completions",
        "/chat/completions",
        "/V1/chat/completions",
        "/v1/%63hat/completions",
        "/v1/chat/completions?/../../x",
    ],
)
def test_a_call_under_any_prefix_is_judged(stage: Scene, path: str) -> None:
    """A path that is plainly one operation's is that operation, wherever it is served."""
    with stage.untouched():
        answer = stage.post(chat_body(model="denied"), path=path)
    assert_refusal(answer, "POLICY_VIOLATION")


DENIED = json.loads(chat_body(model="denied"))
NAMED_IN_THE_PATH = {
    "/openai/deployments/denied/chat/completions": "POLICY_VIOLATION",
    "/openai/%64eployments/denied/chat/completions": "POLICY_VIOLATION",
    "/openai/deployments/%64enied/chat/completions": "POLICY_VIOLATION",
    "/v1/engines/denied/chat/completions": "POLICY_VIOLATION",
    "/openai/Deployments/denied/chat/completions?api-version=2024-10-21": "POLICY_VIOLATION",
    "/v1/Engines/denied/chat/completions": "POLICY_VIOLATION",
    "/Models/denied/v1/chat/completions": "POLICY_VIOLATION",
    "/openai/Deployments/denied/Chat/completions": "SCHEMA_VIOLATION",
    "/openai/deployments/an/other/chat/completions": "SCHEMA_VIOLATION",
    "/openai/deployments/a/openai/deployments/b/chat/completions": "SCHEMA_VIOLATION",
}


@pytest.mark.parametrize("path", NAMED_IN_THE_PATH)
def test_the_model_in_the_path_is_judged(stage: Scene, path: str) -> None:
    """The body names an ordinary one, which no such server looks at."""
    with stage.untouched():
        answer = stage.post(chat_body(), path=path)
    assert_refused(stage, answer, NAMED_IN_THE_PATH[path])


SHAPES: dict[str, tuple[bytes, tuple[tuple[str, str], ...]]] = {
    "plain": (chat_body(model="denied"), JSON_BODY),
    "without a content type": (chat_body(model="denied"), ()),
    "in the name of text": (chat_body(model="denied"), (("Content-Type", "text/plain"),)),
    "after much white space": (b" \n" * 5000 + chat_body(model="denied"), JSON_BODY),
    "after a byte order mark": (b"\xef\xbb\xbf" + chat_body(model="denied"), JSON_BODY),
    "in UTF-16": (chat_body(model="denied").decode().encode("utf-16"), JSON_BODY),
    "in UTF-16, big end first": (chat_body(model="denied").decode().encode("utf-16-be"), JSON_BODY),
    "in UTF-32": (chat_body(model="denied").decode().encode("utf-32"), JSON_BODY),
    "with keys in escapes": (
        chat_body(model="denied").replace(b'"model"', b'"\\u006dodel"'),
        JSON_BODY,
    ),
    "with keys in capitals": (
        chat_body(model="denied").replace(b'"model"', b'"Model"').replace(b'"mess', b'"Mess'),
        JSON_BODY,
    ),
    "with more after it": (chat_body(model="denied") + b"\n{}", JSON_BODY),
    "with a key twice": (b'{"model": 1, ' + chat_body(model="denied")[1:], JSON_BODY),
    "with a trailing comma": (chat_body(model="denied")[:-1] + b",}", JSON_BODY),
    "after a comment": (b"/* */ // {\n" + chat_body(model="denied"), JSON_BODY),
    "after a form feed": (b"\x0c\xc2\xa0" + chat_body(model="denied"), JSON_BODY),
    "with a comment inside": (
        chat_body(model="denied").replace(b'"model":', b'"model"/**/:'),
        JSON_BODY,
    ),
    "in other quotes": (chat_body(model="denied").replace(b'"', b"'"), JSON_BODY),
    "without quotes at its keys": (b"{model: 'denied', messages: []}", JSON_BODY),
    "with NaN": (chat_body(model="denied")[:-1] + b', "a": NaN}', JSON_BODY),
    "compressed": (
        gzip.compress(chat_body(model="denied")),
        (*JSON_BODY, ("Content-Encoding", "gzip")),
    ),
    "as if compressed": (
        chat_body(model="denied"),
        (*JSON_BODY, ("Content-Encoding", "gzip")),
    ),
    "in a coding that nobody knows": (
        chat_body(model="denied"),
        (*JSON_BODY, ("Content-Encoding", "rot13")),
    ),
    "compressed twice": (
        gzip.compress(gzip.compress(chat_body(model="denied"))),
        (*JSON_BODY, ("Content-Encoding", "gzip, gzip")),
    ),
    "as a prompt": (json.dumps({"model": "denied", "prompt": "x"}).encode(), JSON_BODY),
    "as an input": (json.dumps({"model": "denied", "input": "x"}).encode(), JSON_BODY),
    "large": (
        json.dumps({"padding": "x" * (34 << 20), **DENIED}).encode(),
        JSON_BODY,
    ),
    "large once it is expanded": (
        gzip.compress(json.dumps({**DENIED, "padding": "x" * (34 << 20)}).encode()),
        (*JSON_BODY, ("Content-Encoding", "gzip")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_a_call_on_an_unknown_path_is_recognised_by_its_body(stage: Scene, name: str) -> None:
    """Whatever it is dressed as: it isn't forwarded without a verdict."""
    body, headers = SHAPES[name]
    with stage.untouched():
        answer = stage.post(body, path="/generate", headers=headers)
    assert answer.status == 403, answer.status


@pytest.mark.parametrize("method", ["PUT", "PATCH", "GET", "DELETE", "QUERY", "X-POST"])
def test_a_call_is_recognised_with_any_method(stage: Scene, method: str) -> None:
    """A server that looks at the path alone would serve it."""
    with stage.untouched():
        answer = stage.post(chat_body(model="denied"), method=method)
    assert answer.status == 403


OTHERS = {
    "a search": ("POST", "/search", b'{"query": "model and messages"}'),
    "a form": ("POST", "/login", b"user=ann&password=x"),
    "a document with a model": ("POST", "/cars", b'{"model": "T", "year": 1908}'),
    "an upload": ("PUT", "/files/1", bytes(range(256)) * 100),
    "an odd path": ("GET", "/a/../b//c%2Fd;e", b""),
    "broken JSON": ("POST", "/x", b'{"model": "T"'),
    "nothing": ("POST", "/v1/other", b""),
}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Build a forward proxy, and an upstream that isn't governed."""
    with plain_scene(tmp_path_factory.mktemp("elsewhere")) as stage:
        yield stage


@pytest.mark.parametrize("name", OTHERS)
def test_traffic_that_is_no_call_is_left_alone(elsewhere: Scene, name: str) -> None:
    """It arrives as it was sent, and no receipt is written."""
    stage = elsewhere
    method, path, body = OTHERS[name]
    seen = len(stage.upstream.requests)
    answer = stage.post(body, path=path, method=method, headers=())
    assert "x-helm-verdict" not in answer.headers
    (arrived,) = stage.upstream.requests[seen:]
    assert (arrived.method, arrived.path, arrived.body) == (method, path, body)
    assert stage.records(answer.correlation, expected=0) == []


CAPITALS: dict[str, dict[str, Any]] = {
    "model": {"Model": "denied"},
    "model, with the Kelvin sign of another key": {"MODEL": "denied"},
    "messages": {"Messages": [{"role": "user", "content": "something else"}]},
    "tools": {"Tools": [{"type": "function", "function": {"name": "forbidden"}}]},
    "stream, with a long s": {"ſtream": True},
}


@pytest.mark.parametrize("name", CAPITALS)
def test_a_key_that_differs_in_letter_case_only_is_refused(stage: Scene, name: str) -> None:
    """Servers in Go take both for the same, and the last one counts."""
    with stage.untouched():
        answer = stage.chat(**CAPITALS[name])
    assert_refused(stage, answer, "SCHEMA_VIOLATION")


@pytest.mark.parametrize("path", [CHAT, "/generate"])
def test_an_absolute_form_to_another_host_is_refused(stage: Scene, path: str) -> None:
    """In reverse mode the target counts; a proxy behind it would go where the request line says."""
    with stage.untouched():
        answer = stage.post(chat_body(), path=f"http://example.com{path}")
    assert_refused(stage, answer, "SCHEMA_VIOLATION")


def test_an_absolute_form_to_a_governed_host_is_a_call(stage: Scene) -> None:
    """Whatever its path: it may not be handed to the target as anybody's."""
    with stage.untouched():
        answer = stage.post(b"", path="http://api.openai.com/anything", method="GET")
    assert_refused(stage, answer, "SCHEMA_VIOLATION")


OVERRIDES = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"]


@pytest.mark.parametrize("name", OVERRIDES)
def test_a_method_override_header_is_refused(stage: Scene, name: str) -> None:
    """A server that honours it would delete what policy was asked to have read."""
    with stage.untouched():
        path = f"{CHAT}/chatcmpl-1"
        answer = stage.post(b"", path=path, method="GET", headers=((name, "DELETE"),))
    assert_refused(stage, answer, "SCHEMA_VIOLATION")
    assert stage.post(chat_body(), headers=(*JSON_BODY, (name, "post"))).status == 200


def test_helm_headers_are_not_forwarded_and_credentials_are_not_logged(stage: Scene) -> None:
    """X-Helm headers that a client sends are taken off, all of them."""
    credential = "made-up-" + "credential"
    headers = (
        *JSON_BODY,
        ("X-Helm-Verdict", "ALLOW"),
        ("x-helm-anything", "1"),
        ("Authorization", f"Bearer {credential}"),
    )
    assert stage.post(chat_body(), headers=headers).status == 200
    arrived = stage.upstream.requests[-1]
    assert not [name for name, _ in arrived.headers if name.startswith("x-helm")]
    assert arrived.header("authorization") == f"Bearer {credential}"
    assert credential not in stage.boundary.log
