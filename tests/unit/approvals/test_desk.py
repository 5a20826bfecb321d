"""The desk, with a client whose call waits and a person who answers at an awkward moment."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from helm_boundary.approvals.entry import GRANTED, REFUSED, WITHDRAWN, Request
from helm_boundary.approvals.notify import tell_nobody
from helm_boundary.approvals.store import Store, StoreError
from helm_boundary.approvals.wait import Answered, Said
from helm_boundary.calls.call import HttpRequest, Operation
from helm_boundary.enforcement.approval_desk import Desk, Terms
from helm_boundary.enforcement.exchange import Exchange
from helm_boundary.enforcement.receipt_drafts import Drafter
from helm_boundary.policy.decision import Decision, Reason
from helm_boundary.policy.detectors.detectors import compile_detectors
from helm_boundary.policy.sources.policy import Policy
from support.receipts import recording

CHAT = Operation("createChatCompletion", "inference", "chat", "POST", "/v1/chat/completions")
ASKS = Decision("ESCALATE", (Reason("APPROVAL_REQUIRED", "ask.person", "m", "ungranted"),))
BODY = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "please"}]})


@dataclass
class Scene:
    """A desk, and the receipts of what happens at it."""

    desk: Desk
    store: Store
    folder: Path

    def hold(self, meanwhile: Callable[[str], Answered]) -> tuple[Said, Exchange, str]:
        """Let a call wait while that happens; return how the wait ended, the call, the decision."""
        asked: list[str] = []

        async def park(request: Request, _: Callable[[], bool]) -> Answered:
            asked.append(request.id)
            return meanwhile(request.id)

        waiting = call()
        said = asyncio.run(self.desk.hold(waiting, ASKS, park))
        entry = self.store.find(asked[0])
        assert entry is not None
        assert entry.decided is not None
        return said, waiting, entry.decided.decision


def call(question: str = "please", key_id: str = "k1", address: str = "") -> Exchange:
    """Build a chat completion that needs a person."""
    body = BODY.replace("please", question)
    headers = (("content-type", "application/json"),)
    path = "/v1/chat/completions"
    sent = HttpRequest("POST", "https", "api.openai.com", 443, path, "", headers, body.encode())
    sent = replace(sent, client_address=address)
    return Exchange(sent, CHAT, "11111111-1111-4111-8111-111111111111", key_id)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Set up a desk with a real store and real receipts."""
    store = Store.open(tmp_path)
    nothing = compile_detectors(b"detectors: []")
    policy = Policy("file:///p", "ab" * 32, {}, {}, b"{}", 1)
    drafts = Drafter(policy, "regorus", "enforced", nothing)
    with recording(tmp_path) as recorder:
        yield Scene(
            Desk(store, recorder, drafts, nothing, Terms(), tell_nobody),
            store,
            tmp_path / "approvals",
        )


def test_a_yes_that_a_new_policy_overtakes_is_none(scene: Scene) -> None:
    """Granted, and at the same moment the policy changes: the call doesn't get the grant."""

    def granted_too_late(identity: str) -> Answered:
        scene.desk.decide(identity, GRANTED, "ada")
        scene.desk.supersede()
        return Answered(Said.DECIDED)

    said, held, decided = scene.hold(granted_too_late)
    assert (said, held.consent.grant, decided) == (Said.VOID, None, GRANTED)


def test_a_resume_under_a_new_policy_decides_nothing(scene: Scene) -> None:
    """The question is withdrawn, for it was about the old one."""

    def resumed_too_late(_: str) -> Answered:
        scene.desk.supersede()
        return Answered(Said.YES, "ada")

    said, held, decided = scene.hold(resumed_too_late)
    assert (said, held.consent.grant, decided) == (Said.VOID, None, WITHDRAWN)


def test_a_no_is_one_under_any_policy(scene: Scene) -> None:
    """Who refused needn't do so again."""

    def refused(_: str) -> Answered:
        scene.desk.supersede()
        return Answered(Said.NO, "ada")

    said, held, decided = scene.hold(refused)
    assert (said, held.consent.grant, decided) == (Said.NO, None, REFUSED)


def test_a_client_that_leaves_as_it_is_granted_takes_nothing_along(scene: Scene) -> None:
    """The grant stays for its next identical call; the flow that has gone doesn't use it."""

    def granted_and_gone(identity: str) -> Answered:
        scene.desk.decide(identity, GRANTED, "ada")
        return Answered(Said.GONE, "the client")

    said, held, decided = scene.hold(granted_and_gone)
    assert (said, held.consent.grant, decided) == (Said.GONE, None, GRANTED)
    assert len(scene.store.grants()) == 1


def test_a_question_that_cannot_be_kept_is_not_asked(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """The folder is gone: a refusal that says so, and a line in the log that says why."""
    shutil.rmtree(scene.folder)
    refused = scene.desk.admit(call(), ASKS)
    assert (refused.verdict, refused.reasons[0].code) == ("DENY", "APPROVAL_UNAVAILABLE")
    assert "nobody can be asked: approvals can't be read in" in caplog.text
    with pytest.raises(StoreError):
        scene.desk.ask(call(), ASKS)


def test_one_caller_leaves_room_for_the_others(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that asks and asks is told so; who asks for the first time is still heard."""
    monkeypatch.setattr("helm_boundary.enforcement.crowd.MAX_PENDING_EACH", 3)
    for number in range(3):
        assert scene.desk.admit(call(f"{number}"), ASKS) == ASKS
        scene.desk.ask(call(f"{number}"), ASKS)
    refused = scene.desk.admit(call("one more"), ASKS)
    assert refused.reasons[0].code == "APPROVAL_UNAVAILABLE"
    assert "of this client" in refused.reasons[0].message
    assert scene.desk.admit(call("0"), ASKS) == ASKS  # asked already, so it is no further question
    assert scene.desk.admit(call("one more", key_id="k2"), ASKS) == ASKS
    scene.desk.decide(scene.store.entries()[0].request.id, GRANTED, "ada")
    assert scene.desk.admit(call("one more"), ASKS) == ASKS


@pytest.mark.parametrize(
    ("addresses", "other"),
    [
        (["10.0.0.1", "10.0.0.1", "::ffff:10.0.0.1"], "10.0.0.2"),
        (["2001:db8::1", "2001:db8::2", "2001:db8::ffff:1"], "2001:db8:0:1::1"),
        (["fe80::1%eth0", "fe80::1%eth0", "fe80::2%eth0"], "2001:db8::1"),
    ],
)
def test_a_client_with_a_new_key_for_each_call_does_not_flood_the_operator(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, addresses: list[str], other: str
) -> None:
    """Keys can be made up, so that questions are counted by address too, held or not."""
    monkeypatch.setattr("helm_boundary.enforcement.crowd.MAX_PENDING_NETWORK", 3)
    for number, address in enumerate(addresses):
        asked = call(f"{number}", f"key {number}", address)
        assert scene.desk.admit(asked, ASKS) == ASKS
        scene.desk.ask(asked, ASKS)
    more = call("one more", "another key", addresses[0])
    for refused in (scene.desk.admit(more, ASKS), scene.desk.admit(more, ASKS, park=never)):
        assert refused.reasons[0].code == "APPROVAL_UNAVAILABLE"
        assert "from this address" in refused.reasons[0].message
    with pytest.raises(StoreError, match="from this address"):  # admitted before the others came
        scene.desk.ask(more, ASKS)
    assert len(scene.store.entries()) == 3
    assert scene.desk.admit(call("first", "new", other), ASKS) == ASKS
    scene.desk.decide(scene.store.entries()[0].request.id, GRANTED, "ada")
    assert scene.desk.admit(more, ASKS) == ASKS


async def never(_: Request, __: Callable[[], bool]) -> Answered:
    """Let nothing wait: what isn't admitted doesn't."""
    raise AssertionError
