"""Connections as clients really have them: many streams, long silences, other origins."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import chromium, missing
from support.http2 import Multiplexed
from support.scene import CHAT, JSON_BODY, Scene, assert_refusal, chat_body, forward_scene, scene
from support.upstream import Break, Pause, Reply, Upstream, reply_to_chat
from support.wire import Recorded

STREAMS = 50
CURL = shutil.which("curl")
PAGE = "https://page.example"
PREFLIGHT = (
    ("Origin", PAGE),
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "authorization,content-type"),
)


@pytest.fixture(scope="module")
def reverse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a reverse proxy."""
    with scene(tmp_path_factory.mktemp("reverse")) as stage:
        yield stage


def slowly(seconds: float) -> object:
    """Answer after a silence."""

    def answer(request: Recorded) -> Reply | None:
        usual = reply_to_chat(request) if request.path == CHAT else None
        return (
            None
            if usual is None
            else Reply(usual.status, usual.headers, (Pause(seconds), *usual.steps))
        )

    return answer


def test_many_streams_of_one_connection_wait_together(tmp_path: Path) -> None:
    """Fifty calls of a second each over HTTP/2 take little more than one, before HTTP/1.1."""
    with forward_scene(tmp_path) as stage:
        stage.upstream.answer(slowly(1.0))  # type: ignore[arg-type]
        with Multiplexed(stage) as client:
            began = time.monotonic()
            streams = [client.post(json.loads(chat_body())) for _ in range(STREAMS)]
            while not client.ended.issuperset(streams) and time.monotonic() - began < 20:
                client.listen()
            took = time.monotonic() - began
        assert all(b"Hello from the upstream" in client.heard[each] for each in streams)
        print(f"{STREAMS} streams of a second took {took:.2f} s")
        assert took < 4, f"{took:.1f} s; five at a time are 10"


def test_a_call_that_waits_is_not_idle(tmp_path: Path) -> None:
    """A model may think for longer than tcp_timeout, which closes what has no call."""
    with scene(tmp_path, options={"tcp_timeout": 1}) as stage:
        stage.upstream.answer(slowly(3.2))  # type: ignore[arg-type]
        answer = stage.chat()
        assert answer.status == 200
        assert stage.records(answer.correlation)[-1]["outcome"]["end"] == "complete"
        stage.upstream.answer(lambda _: None)
        with stage.wire() as wire:
            wire.send(stage.request(chat_body()))
            assert wire.answer().status == 200
            began = time.monotonic()
            wire.rest()
            assert time.monotonic() - began < 10


def test_a_client_that_gives_up_has_gone(tmp_path: Path) -> None:
    """The outcome of a call whose client stops waiting says so."""
    with scene(tmp_path, options={"tcp_timeout": 1}) as stage:
        stage.upstream.answer(lambda _: Reply.raw(Break.SILENCE))
        correlation = "5f4b6f6e-24a6-4a2c-9d0e-5f3f4a1d7c11"
        with stage.wire() as wire:
            wire.send(stage.request(chat_body(), correlation=correlation))
            time.sleep(2.5)
            with contextlib.suppress(BlockingIOError):
                wire.socket.setblocking(False)  #
                assert wire.socket.recv(1) != b"", "it was closed before its client gave up"
        assert stage.records(correlation)[-1]["outcome"]["end"] == "client_gone"


@pytest.mark.skipif(CURL is None, reason="curl isn't installed")
def test_http2_begins_without_tls(reverse: Scene) -> None:
    """A client that knows that the server speaks HTTP/2 begins with it, and is judged."""
    reverse.upstream.answer(lambda _: None)

    def ask(model: str) -> str:
        command = [str(CURL), "-sS", "-m", "10", "--http2-prior-knowledge", "-w", "%{http_code}"]
        command += ["-o", "/dev/null", "--json", chat_body(model=model).decode()]
        command += ["-w", "%{http_code} %{http_version}", reverse.boundary.url + CHAT]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    assert ask("ordinary") == "200 2"
    with reverse.untouched():
        assert ask("denied") == "403 2"


def test_no_answer_leads_to_http3(reverse: Scene) -> None:
    """Alt-Svc would have clients try HTTP/3, which goes past us; calls and other traffic alike."""
    offered = (("Alt-Svc", 'h3=":443"; ma=86400'), ("Content-Type", "application/json"))
    reverse.upstream.answer(lambda request: Reply(200, offered, (reply_to_chat(request).steps)))
    answer = reverse.chat()
    assert (answer.status, answer.headers.get("alt-svc")) == (200, None)


def test_a_preflight_passes_and_is_named(reverse: Scene) -> None:
    """A browser asks the provider first, whose answer passes as it came."""
    allowed = (("Access-Control-Allow-Origin", PAGE), ("Access-Control-Max-Age", "600"))
    reverse.upstream.answer(lambda _: Reply(204, allowed, ()))
    for path in (CHAT, "/v1/something-new"):
        answer = reverse.post(b"", path=path, method="OPTIONS", headers=PREFLIGHT)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, PAGE)
        request, outcome = reverse.records(answer.correlation)
        assert request["flow"]["operation"] == "cors.preflight"
        assert outcome["outcome"]["end"] == "complete"


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/v1/unheard/of", (), b""),
        ("/v1/unheard/of", PREFLIGHT, b'{"model": "m"}'),
        ("/v1//chat/completions", PREFLIGHT, b""),
    ],
)
def test_what_only_looks_like_a_preflight_is_none(
    reverse: Scene, path: str, headers: tuple[tuple[str, str], ...], body: bytes
) -> None:
    """OPTIONS by itself, with a body or on a path that can be read in two ways, is no preflight."""
    reverse.upstream.answer(lambda _: Reply(204, (), ()))
    answer = reverse.post(body, path=path, method="OPTIONS", headers=headers)
    (request, *_) = reverse.records(answer.correlation)
    assert request["flow"]["operation"] != "cors.preflight"


def test_a_page_can_read_why_it_was_denied(reverse: Scene) -> None:
    """A denial names the page's origin, and no other header is for the asking."""
    with reverse.untouched():
        headers = (*JSON_BODY, ("Origin", PAGE))
        answer = reverse.post(chat_body(model="denied"), headers=headers)
    assert_refusal(answer, "POLICY_VIOLATION")
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["vary"] == "Origin"
    assert "X-Helm-Verdict" in answer.headers["access-control-expose-headers"]
    for origin in (None, "https://a.example, https://b.example", "*"):
        more = () if origin is None else (("Origin", origin),)
        answer = reverse.post(chat_body(model="denied"), headers=(*JSON_BODY, *more))
        assert "access-control-allow-origin" not in answer.headers


def test_a_page_can_read_that_an_upstream_failed(tmp_path: Path) -> None:
    """Our own 502 names the page's origin, whatever went wrong; nobody else's request does."""
    with scene(tmp_path) as stage:
        headers = (*JSON_BODY, ("Origin", PAGE))
        for broken in (Reply.raw(b"nonsense\r\n\r\n"), Reply.raw(Break.CLOSE)):
            stage.upstream.answer(lambda _, broken=broken: broken)  # type: ignore[misc]
            answer = stage.post(chat_body(), headers=headers)
            assert (answer.status, answer.code) == (502, "UPSTREAM_UNAVAILABLE")
            assert answer.headers["access-control-allow-origin"] == PAGE
            assert answer.headers["vary"] == "Origin"
            assert "X-Helm-Receipt-Id" in answer.headers["access-control-expose-headers"]
            assert "access-control-allow-origin" not in stage.chat().headers


def test_head_is_the_same_without_a_body(reverse: Scene) -> None:
    """HEAD asks for what GET would."""
    reverse.upstream.answer(lambda _: None)
    answer = reverse.post(b"", path="/v1/models", method="HEAD", headers=())
    assert answer.status == 200
    request, outcome = reverse.records(answer.correlation)
    assert request["flow"]["operation"] == "listModels"
    assert outcome["outcome"]["end"] == "complete"


FETCH = """
const [url, model] = arguments;
const headers = {"content-type": "application/json", "authorization": "Bearer made-up"};
const body = JSON.stringify({model, messages: [{role: "user", content: "Hello"}]});
return fetch(url, {method: "POST", headers, body})
  .then(async answer => [answer.status, await answer.json(), answer.headers.get("x-helm-verdict")])
  .catch(error => [0, String(error), null]);
"""


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_a_page_calls_across_origins(reverse: Scene, tmp_path: Path) -> None:
    """A page in a real browser gets the answer where it may, and reads why where not."""

    def answer(request: Recorded) -> Reply | None:
        origin = request.header("origin") or ""
        told = [("Access-Control-Allow-Origin", origin)]
        if request.method == "OPTIONS":
            told += [("Access-Control-Allow-Headers", "authorization, content-type")]
            return Reply(204, tuple(told), ())
        usual = reply_to_chat(request)
        return Reply(usual.status, (*usual.headers, *told), usual.steps)

    reverse.upstream.answer(answer)
    with Upstream() as pages, chromium(tmp_path) as browser:
        pages.answer(lambda _: Reply.of(b"<p>A page</p>", "text/html"))
        browser.open(pages.url)
        url = reverse.boundary.url + CHAT
        status, said, _ = browser.run(FETCH, url, "ordinary")
        assert status == 200, said
        assert said["choices"][0]["message"]["content"] == "Hello from the upstream."
        seen = [(each.method, each.header("origin")) for each in reverse.upstream.requests[-2:]]
        assert seen == [("OPTIONS", pages.url), ("POST", pages.url)]
        status, said, verdict = browser.run(FETCH, url, "denied")
        assert (status, verdict) == (403, "DENY"), said
        assert said["error"]["code"] == "POLICY_VIOLATION"
        assert not [each for each in reverse.upstream.requests if b'"denied"' in each.body]
        reverse.upstream.answer(
            lambda request: (
                answer(request) if request.method == "OPTIONS" else Reply.raw(b"x\r\n\r\n")
            )
        )
        status, said, verdict = browser.run(FETCH, url, "ordinary")
        assert (status, verdict) == (502, "ALLOW"), said
        assert said["error"]["code"] == "UPSTREAM_UNAVAILABLE"
