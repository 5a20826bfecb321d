"""A person at mitmweb, played by a headless Chromium: sees, reads, approves, edits, kills."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support import chat
from support.approvals import TOOLS, Asking, Web, ask, body, mitmweb, said
from support.boundary import Boundary
from support.browser import Browser, chromium, missing
from support.listening import Listening
from support.upstream import Upstream

pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "there is a browser")
CONTROL = "\ue009"


@pytest.fixture(scope="module")
def page(
    shared_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Boundary, Web, Browser]]:
    """Start mitmweb, and a browser that has it open."""
    folder = tmp_path_factory.mktemp("browser")
    with (
        mitmweb(folder, shared_upstream, helm_hold_seconds=120) as (boundary, web),
        chromium(folder) as browser,
    ):
        browser.open(web.url)
        yield boundary, web, browser


def test_a_person_reads_and_approves(
    page: tuple[Boundary, Web, Browser], upstream: Upstream
) -> None:
    """The held flow stands out; its judgement says why; Resume lets it through."""
    boundary, _, browser = page
    ask(boundary, body("hello"))
    ask(boundary, body("the forbidden"))
    browser.see("ALLOW createChatCompletion gpt-4o", "DENY POLICY_VIOLATION createChatCompletion")
    asking = Asking(boundary, body("please, in the browser"))
    browser.click("tr", "WAITS for a person")
    browser.see("please, in the browser")
    browser.click("a", "View: auto")
    browser.click("li a", "judgement")
    browser.see("APPROVAL_REQUIRED from ask.person", "A person must look at this.", "receipt")
    assert len(upstream.requests) == 1
    browser.click("button", "Resume")
    assert asking.result().status == 200
    assert said(boundary)[-2:] == ["granted", "used"]


def test_a_call_that_a_person_edits_is_judged_again(
    page: tuple[Boundary, Web, Browser], upstream: Upstream
) -> None:
    """What was typed is judged when it is resumed."""
    boundary, _, browser = page
    asking = Asking(boundary, body("please, to be edited"))
    browser.click("tr", "WAITS for a person")
    browser.click("button", "Edit")
    browser.click(".cm-content")
    browser.press(CONTROL, "a")
    browser.type(json.dumps(body("the forbidden")))
    browser.click("button", "Done")
    browser.see("the forbidden")
    browser.click("button", "Resume")
    answer = asking.result()
    assert (answer.helm["verdict"], answer.codes) == ("DENY", ["POLICY_VIOLATION"])
    assert upstream.requests == []


def test_a_person_denies_by_aborting(
    page: tuple[Boundary, Web, Browser], upstream: Upstream
) -> None:
    """Abort is a no, and the client is told so."""
    boundary, _, browser = page
    asking = Asking(boundary, body("please, to be killed"))
    browser.click("tr", "WAITS for a person")
    browser.click("button", "Abort")
    assert asking.result().codes == ["APPROVAL_REFUSED"]
    browser.see("DENY APPROVAL_REFUSED createChatCompletion")
    assert upstream.requests == []


def test_a_person_approves_a_running_stream(
    page: tuple[Boundary, Web, Browser], upstream: Upstream
) -> None:
    """The stream's flow stands out while its tool call waits; Resume releases it."""
    boundary, _, browser = page
    call = chat.Turn("Let me see.", (chat.ToolCall("remove", '{"path": "/srv/a"}'),))
    upstream.answer(lambda request: chat.reply_to_chat(request, call))
    asked = body("clean up, in the browser", tools=TOOLS, stream=True)
    with Listening(boundary, asked) as client:
        browser.click("tr", "WAITS for a person")
        browser.see("APPROVAL_REQUIRED")
        assert b"see." in client.heard
        assert b"remove" not in client.heard
        browser.click("button", "Resume")
        assert b"/srv" in client.result()
    assert said(boundary)[-2:] == ["granted", "used"]
