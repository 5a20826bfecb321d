"""`helm_wire=helm`: what HELM's SDKs and its demonstration look for, beside what is ours."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.public_keys import KeyType
from helm_receipts.journal.reader import find_record
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import read_published
from helm_receipts.recording.keyset import open_keyset
from support.chat import ToolCall, Turn, reply_to_chat
from support.scene import Answer, Scene, scene
from support.verifiers import PROGRAMS, helm_sdk

ALWAYS = ("receipt-id", "decision-id", "output-hash", "lamport-clock", "status", "correlation-id")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a boundary that speaks as HELM does."""
    with scene(tmp_path_factory.mktemp("helm"), options={"helm_wire": "helm"}) as running:
        yield running


def helm(answer: Answer) -> dict[str, str]:
    """Return the headers that HELM's SDKs read."""
    names = {name.lower(): value for name, value in answer.headers.items()}
    return {n.removeprefix("x-helm-"): v for n, v in names.items() if n.startswith("x-helm-")}


def assert_helms(answer: Answer) -> dict[str, str]:
    """Assert what HELM's own tests assert of every governed answer."""
    told = helm(answer)
    assert set(ALWAYS) <= set(told)
    assert told["output-hash"] == f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
    assert int(told["lamport-clock"]) > 0
    return told


def test_an_allowed_call_has_helms_headers(stage: Scene) -> None:
    """They name the receipt: its hash, its number and its signature."""
    told = assert_helms(stage.chat())
    assert told["status"] == "APPROVED"
    record = find_record(Layout(stage.boundary.state).journal, told["decision-id"])
    assert told["proofgraph-node"] == record.digest
    assert told["signature"] == parse_line(record.envelope).signature.hex()
    assert re.fullmatch("[0-9a-f]{128}", told["signature"])
    assert "tool-calls" not in told


def test_an_answer_with_tool_calls_says_how_many(stage: Scene) -> None:
    """As HELM's SDKs count them."""
    harmless = ToolCall("get_weather", '{"city": "Genève"}')
    stage.upstream.answer(lambda request: reply_to_chat(request, Turn("", (harmless,))))
    assert assert_helms(stage.chat())["tool-calls"] == "1"
    stage.upstream.answer(lambda _: None)


def test_a_denied_tool_call_is_what_helms_demonstration_expects(stage: Scene) -> None:
    """403, DENIED, the names of the tools, and no mention of `tool_calls`."""
    forbidden = ToolCall("forbidden", '{"path": "/etc/shadow"}')
    stage.upstream.answer(lambda request: reply_to_chat(request, Turn("", (forbidden,))))
    answer = stage.chat()
    stage.upstream.answer(lambda _: None)
    told = assert_helms(answer)
    assert (answer.status, told["status"]) == (403, "DENIED")
    assert b"tool_calls" not in answer.body
    body = answer.json()
    assert body["helm"]["status"] == "DENIED"
    assert body["helm"]["tool_names"] == ["forbidden"]
    assert body["helm"]["reason_code"] == body["error"]["code"] == told["reason-code"]


def test_a_denied_request_says_so_too(stage: Scene) -> None:
    """Before anything is sent."""
    with stage.untouched():
        answer = stage.chat(model="denied")
    assert assert_helms(answer)["status"] == "DENIED"
    assert answer.json()["helm"]["tool_names"] == []


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_helms_own_sdk_reads_answers_and_refusals(tmp_path: Path, kind: KeyType) -> None:
    """As they are, whatever receipts are signed with: the answer, and the registered reason."""
    python = helm_sdk()
    open_keyset(Layout(tmp_path / "helm"), kind)
    with scene(tmp_path, options={"helm_wire": "helm"}) as stage:
        assert read_published(Layout(stage.boundary.state)).receipt[-1].key.type == kind
        line = (python, PROGRAMS / "helm_client.py", stage.boundary.url, "gpt-4o", "denied")
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
        assert len(done.stdout.splitlines()) == 2, done.stderr
        answered, denied = map(json.loads, done.stdout.splitlines())
        assert answered["answer"]["choices"][0]["message"]["content"]
        assert (denied["status"], denied["code"]) == (403, "POLICY_VIOLATION")
        assert denied["said"]
        assert len(stage.upstream.requests) == 1


def test_without_the_option_nothing_of_it_is_sent(tmp_path: Path) -> None:
    """The boundary's own headers are enough for everybody else."""
    with scene(tmp_path) as stage:
        assert {"output-hash", "decision-id"}.isdisjoint(helm(stage.chat()))
