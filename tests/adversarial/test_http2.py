"""HTTP/2 in, HTTP/1.1 out: what one protocol says by framing, the other says by headers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.http2 import ask_over_http2
from support.scene import CHAT, Answer, Scene, assert_refusal, chat_body, forward_scene
from support.upstream import Reply

JSON = [("content-type", "application/json")]
SLEEPER = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a forward proxy before an upstream that speaks only HTTP/1.1."""
    with forward_scene(tmp_path_factory.mktemp("forward")) as stage:
        yield stage


def pseudo(stage: Scene, **changes: str | None) -> list[tuple[str, str]]:
    """Return the pseudo-headers of a chat completion to the upstream; None leaves one out."""
    given: dict[str, str | None] = {
        "method": "POST",
        "scheme": "https",
        "authority": f"localhost:{stage.upstream.port}",
        "path": CHAT,
        **changes,
    }
    return [(f":{name}", value) for name, value in given.items() if value is not None]


def ask(stage: Scene, headers: list[tuple[str, str]], body: bytes = b"", **more: object) -> Answer:
    """Send one request over HTTP/2 through a tunnel of its own."""
    trailers = [("x-late", "1")] if more.get("trailers") else []
    with stage.tunnel(alpn="h2") as wire:
        return ask_over_http2(wire, headers, body, trailers)


def assert_passes(stage: Scene) -> None:
    """Assert that an ordinary call gets through with the very bytes of its body."""
    seen = len(stage.upstream.requests)
    assert ask(stage, [*pseudo(stage), *JSON], chat_body()).status == 200
    (arrived,) = stage.upstream.requests[seen:]
    assert arrived.body == chat_body()


def test_a_call_without_a_length_arrives_whole(stage: Scene) -> None:
    """HTTP/2 needs no Content-Length; the server behind us does."""
    assert_passes(stage)
    assert stage.upstream.requests[-1].header("content-length") == str(len(chat_body()))


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE"])
def test_a_body_is_not_read_as_the_next_request(stage: Scene, method: str) -> None:
    """Also where the request is no call: what it carries is a body, to the last byte."""
    stage.upstream.answer(lambda _: Reply.of(b"{}", "application/json"))
    smuggled = SLEEPER + stage.request(chat_body(model="denied"), host="localhost")
    seen = len(stage.upstream.requests)
    headers = [*pseudo(stage, method=method, path="/anything"), ("content-type", "text/plain")]
    assert ask(stage, headers, smuggled).status == 200
    (arrived,) = stage.upstream.requests[seen:]
    assert (arrived.path, arrived.body) == ("/anything", smuggled)


def test_a_call_whose_upstream_fails_is_told_its_receipt(stage: Scene) -> None:
    """The error object comes with the call's own headers, as over HTTP/1.1."""
    stage.upstream.answer(lambda _: Reply.raw(b"no status line"))
    answer = ask(stage, [*pseudo(stage), *JSON], chat_body())
    stage.upstream.answer(lambda _: None)
    assert (answer.status, answer.code) == (502, "UPSTREAM_UNAVAILABLE")
    assert answer.headers["x-helm-verdict"] == "ALLOW"
    assert answer.headers["x-helm-receipt-id"]
    assert_passes(stage)


def test_a_denied_call_contacts_no_upstream(stage: Scene) -> None:
    """The same verdict as over HTTP/1.1."""
    with stage.untouched():
        answer = ask(stage, [*pseudo(stage), *JSON], chat_body(model="denied"))
    assert_refusal(answer, "POLICY_VIOLATION")
    assert_passes(stage)


ODD: dict[str, tuple[dict[str, str | None], list[tuple[str, str]]]] = {
    "another authority": ({"authority": "example.com"}, []),
    "another Host": ({}, [("host", "api.openai.com")]),
    "neither authority nor Host": ({"authority": None}, []),
    "a path in absolute form": ({"path": f"https://example.com{CHAT}"}, []),
    "a line end in the path": ({"path": f"{CHAT} HTTP/1.1\r\nX: y"}, []),
    "a space in the path": ({"path": f"{CHAT} HTTP/1.1"}, []),
    "a request line as the method": ({"method": f"POST {CHAT} HTTP/1.1\r\nX:"}, []),
    "an extended CONNECT": ({"method": "CONNECT"}, [(":protocol", "websocket")]),
    "a length that is too short": ({}, [("content-length", "3")]),
    "a length that is too long": ({}, [("content-length", "3000")]),
    "two lengths": ({}, [("content-length", "3"), ("content-length", "5")]),
    "chunks": ({}, [("transfer-encoding", "chunked")]),
    "a line end in a value": ({}, [("x-a", "b\r\nX-B: c")]),
    "a line end in a name": ({}, [("x-a: b\r\nx-b", "c")]),
    "a name in capitals": ({}, [("X-A", "b")]),
}


@pytest.mark.parametrize("name", ODD)
def test_headers_that_http_1_reads_differently_are_refused(stage: Scene, name: str) -> None:
    """Headers that contradict the frames, or become other headers once they are lines."""
    changes, more = ODD[name]
    with stage.untouched():
        answer = ask(stage, [*pseudo(stage, **changes), *more, *JSON], chat_body())
    assert answer.status in (0, 400, 403), answer
    assert_passes(stage)


def test_request_trailers_are_not_forwarded(stage: Scene) -> None:
    """They aren't judged, so they aren't sent; the call itself passes."""
    seen = len(stage.upstream.requests)
    answer = ask(stage, [*pseudo(stage), *JSON], chat_body(), trailers=True)
    assert answer.status == 200
    (arrived,) = stage.upstream.requests[seen:]
    assert (arrived.body, arrived.header("x-late")) == (chat_body(), None)
