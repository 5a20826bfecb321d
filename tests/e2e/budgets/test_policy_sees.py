"""Policy sees balances: near a limit a person is asked or a cheaper model taken, by rules."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from support.boundary import Boundary
from support.budgets import assert_books, write_budget_policy
from support.realtime import RealtimeUpstream, says
from support.scene import Scene, scene, verify_all

PROGRAM = Path(sys.executable).parent / "helm-boundary"
REGO = """package helm

allow := {"verdict": "ALLOW", "reasons": []}

reason(rule, message) := {
	"code": "APPROVAL_REQUIRED", "rule": rule, "message": message, "finality": "ungranted",
}

is_near if {
	some balance in input.budgets
	balance.near
}

decision := allow if input.phase == "response"

decision := allow if {
	input.phase == "request"
	not is_near
}

decision := allow if {
	input.phase == "request"
	input.model == "cheap"
}

decision := {"verdict": "ESCALATE", "reasons": [reason("budgets.near", "Little is left.")]} if {
	input.phase == "request"
	is_near
	input.model == "dear"
	input.context.approval == null
}

decision := allow if {
	is_near
	input.model == "dear"
	input.context.approval != null
}

decision := {"verdict": "ALLOW", "reasons": [], "rewrite": [
	{"op": "replace", "path": "/model", "value": "cheap"},
]} if {
	input.phase == "request"
	is_near
	input.model == "bendable"
}
"""
DATA = {
    "budgets": {
        "dear": {"match": {"models": ["dear"]}, "limit": {"calls": 4}, "near": 0.5},
        "bendable": {"match": {"models": ["bendable"]}, "limit": {"calls": 2}, "near": 0.5},
        "cheap": {"match": {"models": ["cheap"]}, "limit": {"calls": 100}},
    }
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a boundary whose policy reads balances."""
    folder = tmp_path_factory.mktemp("near")
    policy = folder / "near"
    policy.mkdir()
    (policy / "near.rego").write_text(REGO)
    (policy / "data.json").write_text(json.dumps(DATA))
    with scene(folder, policy=policy) as running:
        yield running
    assert_books(Layout(folder / "helm"))


def test_a_person_is_asked_near_the_limit_and_the_granted_call_counts(stage: Scene) -> None:
    """What waits reserves nothing; once granted, the same call passes and is charged."""
    for _ in range(2):
        assert stage.chat(model="dear").status == 200
    seen = len(stage.upstream.requests)
    asked = stage.chat(model="dear")
    assert asked.json()["helm"]["verdict"] == "ESCALATE"
    assert "budget" not in stage.records(asked.correlation)[0]
    approval = asked.json()["helm"]["approval"]["id"]
    command = [PROGRAM, "approvals", "approve", "--yes", approval, "--state", stage.boundary.state]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    told = stage.chat(model="dear")
    assert told.status == 200
    assert len(stage.upstream.requests) == seen + 1
    (line,) = stage.records(told.correlation)[0]["budget"]
    assert (line["before"]["calls"], line["after"]["calls"]) == (2, 3)


def test_a_cheaper_model_is_taken_near_the_limit(stage: Scene) -> None:
    """And it is the cheaper one's budget that is charged."""
    assert stage.chat(model="bendable").status == 200
    told = stage.chat(model="bendable")
    assert told.status == 200
    assert stage.upstream.requests[-1].json()["model"] == "cheap"
    (line,) = stage.records(told.correlation)[0]["budget"]
    assert line["scope"] == "cheap"


def _turns(session: Any, count: int) -> Iterator[list[dict[str, Any]]]:
    for _ in range(count):
        session.send(json.dumps({"type": "response.create"}))
        told = [json.loads(session.recv(timeout=10))]
        while told[-1]["type"] not in ("response.done", "error"):
            told.append(json.loads(session.recv(timeout=10)))
        yield told


def test_a_socket_of_fifty_turns_is_fifty_calls(tmp_path: Path) -> None:
    """Each turn is charged its own usage; the next one is refused, in the API's own form."""
    data = {"budgets": {"turns": {"limit": {"calls": 50, "tokens": 10**6}}}}
    policy = write_budget_policy(tmp_path / "policy", data)
    usage = {"total_tokens": 30, "input_tokens": 20, "output_tokens": 10}

    def answer(_: dict[str, Any]) -> list[dict[str, Any]]:
        events = says("Hello.")
        events[-1]["response"]["usage"] = usage
        return events

    with (
        RealtimeUpstream(answer) as upstream,
        Boundary(state=tmp_path, mode=f"reverse:{upstream.url}", policy=policy) as boundary,
    ):
        address = boundary.url.replace("http", "ws") + "/v1/realtime?model=gpt-realtime"
        with connect(address, additional_headers={"Authorization": "Bearer none"}) as session:
            session.recv(timeout=10)
            session.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
            turns = list(_turns(session, 51))
            assert [told[-1]["type"] for told in turns] == ["response.done"] * 50 + ["error"]
            error = turns[-1][-1]["error"]
            assert (error["code"], error["budget"]) == ("BUDGET_EXCEEDED", "turns")
            created = [each for each in upstream.events if each["type"] == "response.create"]
            assert len(created) == 50
    verify_all(boundary)
    books = assert_books(Layout(boundary.state))
    (amounts,) = books.settled.values()
    assert (amounts.calls, amounts.tokens, amounts.output_tokens) == (50, 1500, 500)
    charged = [
        record.predicate["cost"]["usage"]
        for record in read_records(Layout(boundary.state).journal)
        if "cost" in record.predicate
    ]
    assert charged == ["provider"] * 50
