"""An upstream that sends calls elsewhere: in reverse mode the client would go there without us."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from support.scene import (
    CHAT,
    Scene,
    assert_refusal,
    assert_works,
    chat_body,
    forward_scene,
    plain_scene,
    scene,
)
from support.upstream import Recorded, Reply, Script, Upstream

BODY = b'{"choices": []}'


def redirect(
    status: int, *addresses: str, content_type: str = "application/json", body: bytes = BODY
) -> Reply:
    """A redirect with a body that nobody reads."""
    fields = (("content-type", content_type), *(("Location", each) for each in addresses))
    return Reply(status, fields, (body,))


def always(reply: Reply) -> Script:
    """Answer everything so."""
    return lambda _: reply


@pytest.fixture
def elsewhere() -> Iterator[Upstream]:
    """Another server."""
    with Upstream() as other:
        yield other


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308])
@pytest.mark.parametrize("form", ["{url}/v1/chat/completions", "//127.0.0.1:{port}/x", "/\\evil/x"])
def test_a_call_isnt_led_away(stage: Scene, elsewhere: Upstream, status: int, form: str) -> None:
    """A client that follows redirects reaches nobody but us, and is told why."""
    address = form.format(url=elsewhere.url, port=elsewhere.port)
    stage.upstream.answer(lambda _: redirect(status, address))
    answer = stage.chat()
    told = assert_refusal(answer, "SCHEMA_VIOLATION")
    assert "location" not in answer.headers
    request, outcome = stage.records(answer.correlation)
    assert (request["verdict"], outcome["verdict"]) == ("ALLOW", "DENY")
    assert outcome["outcome"] == {**outcome["outcome"], "status": status, "end": "denied"}
    assert told["receipt_id"].endswith(f"{outcome['sequence']['number']:06d}")
    with httpx.Client(follow_redirects=True) as client:
        followed = client.post(stage.boundary.url + CHAT, content=chat_body())
    assert followed.status_code == 403
    assert elsewhere.connections == 0
    stage.upstream.answer(lambda _: None)
    assert_works(stage)


def test_a_stream_isnt_led_away(stage: Scene, elsewhere: Upstream) -> None:
    """Whatever the redirect's body claims to be."""
    fields = (("content-type", "text/event-stream"), ("Location", elsewhere.url))
    stage.upstream.answer(lambda _: Reply(307, fields, (b"data: {}\n\n",)))
    answer = stage.chat(stream=True)
    assert_refusal(answer, "SCHEMA_VIOLATION")
    assert "location" not in answer.headers


def test_one_of_several_addresses_is_enough(stage: Scene, elsewhere: Upstream) -> None:
    """Some clients take the first, some the last."""
    for pair in (("/x", elsewhere.url), (elsewhere.url, "/x")):
        stage.upstream.answer(always(redirect(307, *pair)))
        assert_refusal(stage.chat(), "SCHEMA_VIOLATION")


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize(
    "form", ["{url}/v2{path}?a=b", "/v2{path}?a=b", "//127.0.0.1:{port}/v2{path}?a=b"]
)
def test_a_call_that_the_upstream_moves_within_itself_comes_back_by_us(
    stage: Scene, status: int, form: str
) -> None:
    """Judged again, on the path that it is sent to."""
    target = form.format(url=stage.upstream.url, port=stage.upstream.port, path=CHAT)

    def answer(request: Recorded) -> Reply | None:
        return None if request.path.startswith("/v2") else redirect(status, target)

    stage.upstream.answer(answer)
    first = stage.chat()
    assert (first.status, first.headers["location"]) == (status, f"/v2{CHAT}?a=b")
    with httpx.Client(follow_redirects=True) as client:
        followed = client.post(stage.boundary.url + CHAT, content=chat_body())
    assert followed.status_code == 200
    assert followed.headers["x-helm-verdict"] == "ALLOW"
    assert stage.upstream.requests[-1].path == f"/v2{CHAT}?a=b"
    assert stage.upstream.requests[-1].body == chat_body()


@pytest.mark.parametrize(
    ("content_type", "body"), [("text/html", b"<a href='/x'>moved</a>"), ("application/json", b"")]
)
def test_a_redirect_needs_no_answer_in_it(stage: Scene, content_type: str, body: bytes) -> None:
    """Web frameworks send a page, or nothing."""
    reply = redirect(307, "/v2" + CHAT, content_type=content_type, body=body)
    stage.upstream.answer(always(reply))
    answer = stage.chat()
    assert (answer.status, answer.body, answer.headers["location"]) == (307, body, "/v2" + CHAT)


def test_a_redirect_to_a_call_that_is_denied_is_denied(stage: Scene) -> None:
    """It is a call like any other."""
    target = "/openai/deployments/denied/chat/completions"
    stage.upstream.answer(lambda _: redirect(307, stage.upstream.url + target))
    seen = len(stage.upstream.requests)
    with httpx.Client(follow_redirects=True) as client:
        followed = client.post(stage.boundary.url + CHAT, content=chat_body())
    assert (followed.status_code, followed.json()["error"]["code"]) == (403, "POLICY_VIOLATION")
    assert len(stage.upstream.requests) == seen + 1


def test_a_download_from_elsewhere_passes(tmp_path: Path, elsewhere: Upstream) -> None:
    """A file's content lies with a store, whose address is signed; nothing of a call goes there."""
    with scene(tmp_path, options={"helm_hosts": "127.0.0.1"}) as stage:
        address = f"{elsewhere.url}/store/file?signature=1"
        for status in (302, 303, 307):
            stage.upstream.answer(always(redirect(status, address)))
            answer = stage.post(b"", path="/v1/files/f/content", method="GET", headers=())
            assert (answer.status, answer.headers["location"]) == (status, address)
        stage.upstream.answer(lambda _: redirect(303, address))
        answer = stage.chat()
        assert (answer.status, answer.headers["location"]) == (303, address)


def test_a_websocket_isnt_led_away(stage: Scene, elsewhere: Upstream) -> None:
    """What is said on it would be said elsewhere."""
    address = elsewhere.url.replace("http", "ws")
    stage.upstream.answer(lambda _: redirect(302, f"{address}/v1/realtime"))
    ours = stage.boundary.url.replace("http", "ws")
    with pytest.raises(InvalidStatus) as refused, connect(f"{ours}/v1/realtime?model=m"):
        pass
    assert refused.value.response.status_code == 403
    assert elsewhere.connections == 0


def test_other_traffic_is_led_where_its_server_says(tmp_path: Path, elsewhere: Upstream) -> None:
    """What is no call is none of ours."""
    with plain_scene(tmp_path) as stage:
        stage.upstream.answer(lambda _: redirect(307, elsewhere.url))
        answer = stage.post(b"a=b", path="/login", headers=())
        assert (answer.status, answer.headers["location"]) == (307, elsewhere.url)


def test_in_a_forward_proxy_every_redirect_passes_as_it_came(tmp_path: Path) -> None:
    """The client's next request comes by us anyway, and is judged as what it is."""
    with forward_scene(tmp_path) as stage:
        here = f"https://localhost:{stage.upstream.port}"
        address = f"https://127.0.0.1:{stage.upstream.port}/openai/deployments/denied{CHAT[3:]}"
        stage.upstream.answer(lambda _: redirect(307, address))
        context = ssl.create_default_context(cafile=str(stage.boundary.ca_file))
        with httpx.Client(proxy=stage.boundary.proxy_url, verify=context) as client:
            first = client.post(here + CHAT, content=chat_body())
            assert (first.status_code, first.headers["location"]) == (307, address)
            seen = len(stage.upstream.requests)
            followed = client.post(here + CHAT, content=chat_body(), follow_redirects=True)
        assert (followed.status_code, followed.json()["error"]["code"]) == (403, "POLICY_VIOLATION")
        assert len(stage.upstream.requests) == seen + 1


def test_where_verdicts_are_only_observed_it_passes_and_is_written_down(tmp_path: Path) -> None:
    """With the reason that would have kept it."""
    with scene(tmp_path, options={"helm_mode": "observe"}) as stage:
        stage.upstream.answer(lambda _: redirect(307, "http://127.0.0.1:9/x"))
        answer = stage.chat()
        assert (answer.status, answer.headers["location"]) == (307, "http://127.0.0.1:9/x")
        assert answer.body == json.dumps({"choices": []}).encode()
        _, outcome = stage.records(answer.correlation)
        assert (outcome["verdict"], outcome["enforcement"]) == ("DENY", "observed")
        assert outcome["reasons"][0]["code"] == "SCHEMA_VIOLATION"
