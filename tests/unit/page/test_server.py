"""The page's addresses, asked in this process: what each answers, and what it refuses."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from helm_boundary.cli.verification_keys import trust_of
from helm_boundary.page.server import PageServer
from helm_boundary.page.sign_in import MAX_SESSIONS, SignIn
from support.approvals import until
from support.days import record_day
from support.engines import ENGINES, State, state_in
from support.watching import Visitor, Watching


@pytest.fixture(scope="module", params=ENGINES)
def state(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> State:
    """Record a day, in a folder and in a database, with its log."""
    found = state_in(request, tmp_path_factory.mktemp("day"))
    record_day(calls=120, **found.recorded)
    found.folder()
    return found


@pytest.fixture(scope="module")
def page(state: State) -> Iterator[Watching]:
    """Run the page in a thread of this process."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    servers: list[PageServer] = []

    def run() -> None:
        asyncio.set_event_loop(loop)
        sign_in = SignIn("the-token")
        shared = state.shared
        server = PageServer(shared, ("127.0.0.1", 0), trust_of(shared), sign_in)
        servers.append(server)
        loop.call_soon(server.start)
        loop.call_soon(ready.set)
        loop.run_forever()
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(20)
    (server,) = servers
    assert server.url.endswith("/#the-token")
    yield Watching(server.address, server.port, "the-token")
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


@pytest.fixture
def visitor(page: Watching) -> Visitor:
    """Sign in, once the page has read everything."""
    signed_in = page.signed_in()
    until(lambda: signed_in.get("/api/receipts")["isCurrent"] or None)
    return signed_in


def test_receipts_are_listed_page_by_page(visitor: Visitor) -> None:
    """And what came after a number, which is nothing."""
    first = visitor.get("/api/receipts")
    assert len(first["receipts"]) == 100
    last = first["receipts"][-1]
    second = visitor.get(f"/api/receipts?at={last['at']}&seq={last['seq']}")
    assert {row["id"] for row in first["receipts"]}.isdisjoint(r["id"] for r in second["receipts"])
    assert visitor.get(f"/api/receipts?after={first['last']}")["receipts"] == []
    chosen = visitor.get("/api/receipts?verdict=DENY&phase=outcome")["receipts"]
    assert {row["verdict"] for row in chosen} == {"DENY"}


def test_sums_and_names_are_told(visitor: Visitor) -> None:
    """Over an hour, a day and a week."""
    calls = {
        span: sum(each["calls"] for each in visitor.get(f"/api/charts?span={span}")["spans"])
        for span in ("hour", "day", "week")
    }
    assert calls["hour"] <= calls["day"] <= calls["week"] == 120
    assert "gpt-5" in visitor.get("/api/choices")["model"]
    assert visitor.get("/api/boundaries")["boundaries"] == []
    assert visitor.get("/api/approvals") == {"waiting": []}


def test_a_story_and_its_evidence(visitor: Visitor) -> None:
    """Every receipt of the call, and what verifies one."""
    row = visitor.get("/api/receipts?phase=outcome")["receipts"][0]
    story = visitor.get(f"/api/story/{row['id']}")
    assert [each["phase"] for each in story["receipts"]] == ["request", "outcome"]
    assert story["questions"] == []
    evidence = visitor.get(f"/api/evidence/{row['id']}")
    assert (evidence["id"], evidence["missing"]) == (row["id"], "")
    assert evidence["proof"]["note"].count("\n") >= 4


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/story/aaaaaaaa-000001", 404),
        ("/api/evidence/aaaaaaaa-000001", 404),
        ("/api/charts?span=year", 400),
        ("/api/receipts?since=x", 400),
        ("/api/receipts?at=x&seq=1", 400),
        ("/nothing.js", 404),
        ("/nothing", 404),
        ("/verification.js", 200),
        ("/page.css", 200),
        ("/", 200),
    ],
)
def test_each_address_answers_as_it_should(visitor: Visitor, path: str, status: int) -> None:
    """What isn't there is 404, what can't be read is 400."""
    assert visitor.page.ask(path, None, visitor.headers)[0] == status


@pytest.mark.parametrize(
    ("value", "status"),
    [({"answer": "once"}, 409), ({"answer": "never"}, 400), ({}, 400), ([], 400), ("x", 400)],
)
def test_an_answer_to_no_question_is_refused(visitor: Visitor, value: Any, status: int) -> None:
    """There is no store of questions here at all, or no such answer."""
    path = "/api/approvals/apr_0123456789abcdef"
    assert visitor.page.ask(path, value, visitor.headers)[0] == status


def test_a_large_deed_is_refused(visitor: Visitor) -> None:
    """Nobody says that much."""
    status = visitor.page.ask("/api/sign-in", {"token": "x" * 5000}, visitor.headers)[0]
    assert status == 413


def test_signing_out_ends_a_session(page: Watching) -> None:
    """Both secrets are worth nothing then."""
    visitor = page.signed_in()
    assert page.ask("/api/sign-out", {}, visitor.headers)[0] == 200
    assert page.ask("/api/receipts", None, visitor.headers)[0] == 401


def test_a_request_that_is_no_http_ends_the_connection(page: Watching) -> None:
    """And nothing else."""
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=10)
    connection.putrequest("GET", "/", skip_host=True)
    connection.endheaders()
    response = connection.getresponse()
    assert response.status in (400, 403)
    assert json.loads(response.read() or b"{}").keys() <= {"error"}
    connection.close()


def test_the_oldest_session_makes_room() -> None:
    """However often somebody signs in."""
    sign_in = SignIn()
    first = sign_in.begin(sign_in.token)
    assert first is not None
    secret = sign_in.second_secret(first)
    assert sign_in.is_signed_in(first, secret)
    for _ in range(MAX_SESSIONS):
        sign_in.begin(sign_in.token)
    assert not sign_in.is_signed_in(first, secret)
    assert sign_in.begin("another") is None
