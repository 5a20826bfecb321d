"""The page beside a running boundary: a person decides there, and nobody else can."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from helm_boundary.cli import main
from helm_boundary.runtime.own_listeners import noted, noted_ports
from helm_receipts.export.select import Selection, select
from support.approvals import Asking, ask, body, pending, until, write_policy
from support.boundary import Boundary
from support.browser import chromium, missing
from support.receipts import record_calls
from support.upstream import Upstream
from support.watching import Visitor, Watching, address_in, watching


@pytest.fixture(scope="module")
def boundary(
    shared_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Boundary]:
    """Run a boundary in which calls wait for a person, with its page."""
    folder = tmp_path_factory.mktemp("page")
    options = {
        "helm_page": "127.0.0.1:0",
        "helm_on_escalate": "hold",
        "helm_hold_seconds": 60,
        "helm_policy": write_policy(folder / "policy"),
    }
    # A forward proxy, through which somebody could try to get to the page.
    with Boundary(state=folder, mode="regular", options=options) as forward:
        yield forward


@pytest.fixture(scope="module")
def page(boundary: Boundary) -> Watching:
    """Find the page where the boundary says that it is."""
    line = until(lambda: next((x for x in boundary.log.splitlines() if "  page  " in x), None))
    return address_in(line)


@pytest.fixture
def visitor(page: Watching) -> Visitor:
    return page.signed_in()


@pytest.fixture
def waiting(tmp_path: Path, shared_upstream: Upstream) -> Iterator[tuple[Boundary, Watching]]:
    """Run a reverse proxy whose calls wait for a person, with its page."""
    options = {
        "helm_page": "127.0.0.1:0",
        "helm_on_escalate": "hold",
        "helm_hold_seconds": 60,
        "helm_policy": write_policy(tmp_path / "policy"),
    }
    with Boundary(shared_upstream, state=tmp_path, options=options) as running:
        line = until(lambda: next((x for x in running.log.splitlines() if "  page  " in x), None))
        yield running, address_in(line)


def decisions(state: Path) -> list[tuple[str, str]]:
    """List what was decided on approvals, and by whom, as receipts say it."""
    return [
        (record.predicate["event"]["kind"], record.predicate["approval"]["by"])
        for record in select(state / "journal", Selection(phase="approval"))
    ]


def told_of(visitor: Visitor, receipt: str) -> dict[str, Any] | None:
    """Return a receipt's story, once the page has read that far."""
    status, told, _ = visitor.page.ask(f"/api/story/{receipt}", None, visitor.headers)
    return told if status == 200 else None


def test_a_person_approves_and_denies(
    waiting: tuple[Boundary, Watching], upstream: Upstream
) -> None:
    """The held calls go on and end; receipts say who decided, and where."""
    boundary, page = waiting
    visitor = page.signed_in()
    for answer, status, kind in (("once", 200, "granted"), ("deny", 403, "refused")):
        asking = Asking(boundary, body(f"please, {answer}"))
        (entry,) = pending(boundary)
        (question,) = visitor.get("/api/approvals")["waiting"]
        assert question["id"] == entry.id
        assert any("please" in line for line in question["sentences"])
        status_code, told, _ = page.ask(
            f"/api/approvals/{entry.id}", {"answer": answer}, visitor.headers
        )
        assert status_code == 200, told
        assert asking.result().status == status
        said = [(what, by) for what, by in decisions(boundary.state) if what == kind]
        assert len(said) == 1
        assert said[0][1].endswith(" (page)")
        story = until(partial(told_of, visitor, entry.request.request_receipt))
        assert story["questions"][0]["status"] in ("used", "refused")
    assert len(upstream.requests) == 1
    (health,) = visitor.get("/api/boundaries")["boundaries"]
    assert (health["ready"], health["mode"]) == (True, "enforce")


@pytest.mark.skipif(missing() is not None, reason=missing() or "there is a browser")
def test_a_person_approves_in_the_browser(
    waiting: tuple[Boundary, Watching], tmp_path: Path, upstream: Upstream
) -> None:
    """The question comes by itself, is shown whole, and its buttons settle before they count."""
    boundary, page = waiting
    with chromium(tmp_path) as browser:
        browser.open(page.whole)
        browser.see("ms added to a request")
        asking = Asking(boundary, body("please, in the page"))
        browser.see("Waits for a person")
        browser.click("#questions button", "Look and answer")
        buttons = "[...document.querySelectorAll('#question-answers button')]"
        assert browser.run(f"return {buttons}.every(button => button.disabled)")
        browser.see("please, in the page", "A person must look at this.")
        time.sleep(1)
        browser.click("#question-answers button", "Approve once")
        assert asking.result().status == 200
        browser.see("approved once by")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Cookie": None}, 401),
        ({"Cookie": "helm_boundary_page=made-up"}, 401),
        ({"X-Helm-Page": None}, 401),
        ({"X-Helm-Page": "made-up"}, 401),
        ({"Origin": None}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "rebound.example:8082"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
    ids=str,
)
def test_what_the_page_itself_did_not_send_does_nothing(
    page: Watching, visitor: Visitor, change: dict[str, str | None], status: int
) -> None:
    """No cookie, no second secret, another origin, another name, a form."""
    headers = {**visitor.headers, **{k: v for k, v in change.items() if v is not None}}
    for name in [name for name, value in change.items() if value is None]:
        del headers[name]
    told = page.ask("/api/approvals/apr_0123456789abcdef", {"answer": "once"}, headers)
    assert told[0] == status
    honest = page.ask("/api/approvals/apr_0123456789abcdef", {"answer": "once"}, visitor.headers)
    assert honest[0] == 409  # there is no such question, and it said so


@pytest.mark.parametrize(
    "path",
    ["receipts", "charts", "choices", "approvals", "boundaries", "story/a-1", "evidence/a-1"],
)
def test_nothing_is_told_without_signing_in(page: Watching, path: str) -> None:
    """No receipt, no name, no number."""
    assert page.ask(f"/api/{path}")[0] == 401
    assert page.ask("/api/sign-in")[1] == {"signedIn": False}


def test_a_cookie_alone_is_worth_nothing(page: Watching, visitor: Visitor) -> None:
    """A browser sends it to every server of this machine that a person looks at."""
    cookie = {"Cookie": visitor.headers["Cookie"]}
    assert page.ask("/api/receipts", None, cookie)[0] == 401
    assert page.ask("/api/sign-in", None, cookie)[1] == {"signedIn": False}
    headers = {**cookie, "Origin": page.url[:-1], "Content-Type": "application/json"}
    assert page.ask("/api/sign-out", {}, headers)[0] == 401
    assert visitor.get("/api/receipts")["receipts"]


@pytest.mark.parametrize("path", ["/", "/page.js", "/verification.js", "/api/receipts", "/../x"])
def test_every_answer_says_what_a_browser_may_do(page: Watching, path: str) -> None:
    """Nothing from elsewhere, no script in a line, no frame, nothing kept; refusals too."""
    headers = page.ask(path)[2]
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


def test_the_cookie_is_for_this_page_alone(page: Watching) -> None:
    """No script reads it, no other site sends it."""
    headers = {"Origin": page.url[:-1], "Content-Type": "application/json"}
    given = page.ask("/api/sign-in", {"token": page.token}, headers)[2]["Set-Cookie"]
    assert "HttpOnly" in given
    assert "SameSite=Strict" in given
    assert page.token not in given


def test_a_token_is_refused_that_is_not_the_pages(page: Watching) -> None:
    """Whatever its form."""
    headers = {"Origin": page.url[:-1], "Content-Type": "application/json"}
    for token in ("", "x", "ü", page.token[:-1], page.token + "x"):
        assert page.ask("/api/sign-in", {"token": token}, headers)[0] == 401
    assert page.ask("/api/sign-in", {"token": 1}, headers)[0] == 400
    assert page.ask("/api/sign-in", ["token"], headers)[0] == 400


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "at=-1&seq=1", "after=x", "after=" + "9" * 30, "since=\u0661"],
)
def test_a_bad_address_is_refused(visitor: Visitor, query: str) -> None:
    """With what is expected, and without a traceback."""
    status, told, _ = visitor.page.ask(
        f"/api/receipts?{quote(query, safe='=&')}", None, visitor.headers
    )
    assert status == 400
    assert "Expected" in told["error"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "LOCALHOST."])  # noqa: S104
def test_the_page_is_unreachable_through_the_proxy(
    boundary: Boundary, page: Watching, host: str
) -> None:
    """Whatever the name for this machine; the boundary knows the port from the page itself."""
    agent = http.client.HTTPConnection("127.0.0.1", boundary.port, timeout=10)
    agent.request("GET", f"http://{host}:{page.port}/")
    response = agent.getresponse()
    assert response.status == 502
    assert b"can't be reached through its own proxy" in response.read()
    agent.close()


def test_a_page_that_was_started_by_hand_is_unreachable_too(boundary: Boundary) -> None:
    """On the same state folder, in a process that the boundary knows nothing of."""
    with watching(boundary.state) as page:
        assert page.ask("/")[0] == 200
        agent = http.client.HTTPConnection("127.0.0.1", boundary.port, timeout=10)
        agent.set_tunnel("127.0.0.1", page.port)
        agent.request("GET", "/")
        assert agent.getresponse().status == 502
        agent.close()


def test_a_port_that_is_free_again_is_free(tmp_path: Path) -> None:
    """What a process noted goes with it, also where it was killed."""
    with noted(tmp_path, 8082):
        pass
    record_calls(tmp_path, 1)
    with noted(tmp_path, 8082):
        assert noted_ports(tmp_path) == {8082}
    (tmp_path / "run" / "0123456789abcdef.listener").write_text("8083\n")
    assert noted_ports(tmp_path) == set()
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("command", ["page", "metrics"])
def test_an_address_that_is_taken_is_named(tmp_path: Path, command: str) -> None:
    """With what to do about it."""
    record_calls(tmp_path, 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        arguments = [command, "--state", str(tmp_path), "--listen", listen]
        done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert f"{listen} is taken: end what listens there, or name another" in done.output


def test_the_page_ends_with_its_boundary(tmp_path: Path, shared_upstream: Upstream) -> None:
    """Also with one that is killed."""
    boundary = Boundary(shared_upstream, state=tmp_path, options={"helm_page": "127.0.0.1:0"})
    boundary.start()
    line = until(lambda: next((x for x in boundary.log.splitlines() if "  page  " in x), None))
    page = address_in(line)
    assert ask(boundary, body("hello")).status == 200
    boundary.kill()

    def is_gone() -> bool | None:
        try:
            page.ask("/")
        except OSError:
            return True
        return None

    assert until(is_gone)
