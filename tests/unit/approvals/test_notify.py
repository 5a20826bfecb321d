"""Notices that a person is needed: to the receiver that was named, once, without harm to us."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from helm_boundary.approvals import notify
from helm_boundary.approvals.entry import Request
from helm_boundary.approvals.notify import notice, notifier
from support.approvals import free_port, until
from support.asked import request
from support.upstream import Pause, Recorded, Reply, Upstream

HOSTILE = "`touch x`; $(touch x) | touch x\n'\"\x1b[2J\u202e --help"


_BAD = {
    "fails": Reply(500),
    "hangs": Reply.raw(Pause(20)),
    "drips": Reply.raw(b"HTTP/1.1 200 OK\r\n", *(Pause(0.2), b"X: y\r\n") * 100),
}


def asked(number: int) -> Request:
    """Build a request for approval in which the client chose every name it can."""
    plain = request(number)
    return replace(plain, flow=replace(plain.flow, model=HOSTILE))


@pytest.fixture
def receiver() -> Iterator[Upstream]:
    """Run a server that takes notices."""
    with Upstream() as server:
        yield server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a receiver a second and a half: enough for a good one, also on a busy machine."""
    monkeypatch.setattr(notify, "SECONDS", 1.5)


def test_a_notice_has_no_content() -> None:
    """Neither the summary nor the policy's message is in it."""
    summary = {"texts": [{"role": "user", "pointer": "/x", "text": "between us"}]}
    told = json.dumps(notice(request(1, summary=summary)))
    assert "between us" not in told
    assert "A person must" not in told
    assert "apr_0000000000000001" in told


@pytest.mark.parametrize("target", ["", "  ", "say 'hello", "http://", "https://x:port/"])
def test_a_notifier_needs_a_target(target: str) -> None:
    """Neither an address nor a command line: refused when it is configured."""
    with pytest.raises(ValueError, match=r"empty|quotation|host|[Pp]ort"):
        notifier(target)


def test_a_webhook_is_posted_to(receiver: Upstream) -> None:
    """The notice as JSON, to the very path and query that were named."""
    receiver.answer(lambda _: Reply(204))
    notifier(f"{receiver.url}/hook?room=1").tell(asked(1))
    (got,) = until(lambda: receiver.requests or None)
    assert (got.method, got.path) == ("POST", "/hook?room=1")
    assert got.json()["model"] == HOSTILE


def test_a_redirect_is_not_followed(receiver: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    """It could lead to a provider, or to whoever took over the receiver's name."""
    with Upstream() as provider:
        moved = Reply(307, headers=(("Location", f"{provider.url}/v1/chat/completions"),))
        receiver.answer(lambda _: moved)
        notifier(f"{receiver.url}/secret-path").tell(asked(1))
        until(lambda: "answered 307" in caplog.text or None)
        assert provider.requests == []
    assert "secret-path" not in caplog.text


def test_the_systems_proxy_is_not_used(receiver: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be this boundary."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    receiver.answer(lambda _: Reply(204))
    notifier(receiver.url).tell(asked(1))
    until(lambda: receiver.requests or None)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("manner", list(_BAD))
def test_a_bad_receiver_costs_a_line_and_the_next_notice_is_told(
    receiver: Upstream, caplog: pytest.LogCaptureFixture, manner: str
) -> None:
    """However it misbehaves, telling returns at once and the thread goes on."""

    def first_badly(_: Recorded) -> Reply | None:
        return _BAD[manner] if len(receiver.requests) == 1 else Reply(204)

    receiver.answer(first_badly)
    telling = notifier(f"{receiver.url}/secret-path")
    began = time.monotonic()
    telling.tell(asked(1))
    telling.tell(asked(2))
    assert time.monotonic() - began < notify.SECONDS
    until(lambda: "helm_notify failed" in caplog.text or None)
    until(lambda: len(receiver.requests) == 2 or None)
    assert "secret-path" not in caplog.text


def test_a_receiver_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    """A line that says so, without its address."""
    notifier(f"http://127.0.0.1:{free_port()}/secret-path").tell(asked(1))
    until(lambda: "ConnectionRefusedError" in caplog.text or None)
    assert "secret-path" not in caplog.text


def test_a_command_is_told_on_its_standard_input(tmp_path: Path) -> None:
    """No shell, no argument: what a client wrote is data and nothing else."""
    file = tmp_path / "told"
    program = (
        "import os, sys; text = sys.stdin.read(); path = sys.argv[1]\n"
        "open(path + '.part', 'w').write(os.environ['HELM_APPROVAL_ID'] + ' ' + text)\n"
        "os.rename(path + '.part', path)"
    )
    notifier(shlex.join([sys.executable, "-c", program, str(file)])).tell(asked(1))
    until(lambda: file.exists() or None)
    identity, _, text = file.read_text().partition(" ")
    told = json.loads(text)
    assert (told["id"], told["model"]) == (identity, HOSTILE)
    assert text.isascii()
    assert text.isprintable()
    assert [path.name for path in tmp_path.iterdir()] == ["told"]


def test_a_command_gets_none_of_the_operators_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the environment only what it takes to run, and to show something in the session."""
    for name in ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "HELM_STATE", "PYTHONPATH"):
        monkeypatch.setenv(name, "of-the-operator")
    monkeypatch.setenv("DISPLAY", ":7")
    file = tmp_path / "told"
    script = f"env > {shlex.quote(str(file))}.part; mv {shlex.quote(str(file))}.part {file}"
    notifier(shlex.join(["sh", "-c", script])).tell(asked(1))
    until(lambda: file.exists() or None)
    told = file.read_text()
    assert "of-the-operator" not in told
    assert {"DISPLAY=:7", "HELM_APPROVAL_ID=apr_0000000000000001"} < set(told.splitlines())


@pytest.mark.usefixtures("impatient")
def test_a_command_that_hangs_is_ended_with_its_children(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of it is left, and the next notice is told."""
    file = tmp_path / "child"
    script = f"sleep 60 & echo $! > {shlex.quote(str(file))}; wait"
    telling = notifier(shlex.join(["sh", "-c", script]))
    telling.tell(asked(1))
    until(lambda: "took longer" in caplog.text or None)
    until(lambda: None if _is_alive(int(file.read_text())) else True)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
