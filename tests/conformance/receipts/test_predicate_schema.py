"""Every receipt that a real boundary writes is as `predicate.schema.json` describes it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import helm_receipts
from helm_receipts.envelope import statement
from helm_receipts.envelope.record import PREDICATE_TYPE, Record
from helm_receipts.journal.records import read_records
from support.approvals import approvals, ask, body, until, write_policy
from support.boundary import Boundary
from support.upstream import Break, Recorded, Reply, ToolCall, Turn, Upstream, reply_to_chat

SCHEMA: dict[str, Any] = json.loads(
    (Path(helm_receipts.__path__[0]) / "predicate.schema.json").read_text("utf-8")
)
TOOL = "get_weather"
TOOLS = [{"type": "function", "function": {"name": TOOL, "parameters": {}}}]
BUDGET = """budgets:
  each: {per: [key, model], limit: {calls: 1000, dollars: 10}, window: day}
  counted: {limit: {tokens: 1}, shadow: true}
prices: {"*": {input: 1, output: 2}}
"""
PROGRAM = Path(sys.executable).parent / "helm-boundary"


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """Collect the receipts of a boundary that met all kinds of calls, and whose key was rotated."""
    folder = tmp_path_factory.mktemp("kinds")
    policy = write_policy(folder / "policy")
    (policy / "data.yaml").write_text(f"tools: {{allow: [{TOOL}]}}\n{BUDGET}")
    with Upstream() as upstream, Boundary(upstream, state=folder, policy=policy) as boundary:
        upstream.answer(model)
        meet(boundary)
        (policy / "data.yaml").write_text(f"tools: {{allow: [{TOOL}, other]}}\n{BUDGET}")
        until(lambda: "helm-boundary: policy " in boundary.log or None)
        state = boundary.state
    with (
        Upstream() as upstream,
        Boundary(
            upstream, state=folder, policy=policy, options={"helm_mode": "observe"}
        ) as observing,
    ):
        ask(observing, body("forbidden"))
    subprocess.run(
        [PROGRAM, "budgets", "reset", "counted", "--state", state], check=True, timeout=60
    )
    subprocess.run([PROGRAM, "keys", "rotate", "receipt", "--state", state], check=True, timeout=60)
    return list(read_records(state / "journal"))


def meet(boundary: Boundary) -> None:
    """Make calls: allowed, denied, rewritten, streamed, failed, unreadable, asked, approved."""
    ask(boundary, body("Hello"))
    ask(boundary, body("forbidden"))
    ask(boundary, body("Hello", model="somebody-elses-model"))
    ask(boundary, body("Write to ada@example.org"))
    ask(boundary, body("Weather?", stream=True, tools=TOOLS))
    ask(boundary, body("Weather?", tools=TOOLS))
    ask(boundary, body("Delete", tools=TOOLS))
    ask(boundary, body("fail"))
    ask(boundary, body("Hello", n="many"))
    asked = ask(boundary, body("please")).approval
    assert asked is not None
    approvals(boundary, "approve", "--yes", asked)
    assert ask(boundary, body("please")).status == 200


def model(request: Recorded) -> Reply:
    """Answer in words, with an allowed tool, with one that isn't, or not at all."""
    said = request.json()["messages"][-1]["content"]
    if said == "fail":
        return Reply.raw(Break.RESET)
    calls = {"Weather?": (ToolCall(TOOL, "{}"),), "Delete": (ToolCall("delete", "{}"),)}
    return reply_to_chat(request, Turn("Well.", calls.get(said, ())))


def test_the_sample_has_receipts_of_every_phase(records: list[Record]) -> None:
    """And every verdict, so that the next test looks at all kinds."""
    assert {record.predicate["phase"] for record in records} == set(statement.PHASES)
    assert {record.predicate["verdict"] for record in records} == set(statement.VERDICTS)
    assert {record.predicate["enforcement"] for record in records} == set(statement.ENFORCEMENTS)
    for member in SCHEMA["properties"]:
        assert any(member in record.predicate for record in records), member


def test_every_predicate_fits_the_schema(records: list[Record]) -> None:
    """No member is there that the schema doesn't describe, though readers must expect new ones."""
    closed = Draft202012Validator(closed_to_others(SCHEMA))
    for record in records:
        assert [error.message for error in closed.iter_errors(record.predicate)] == [], record.id


def test_the_schema_knows_the_words_that_receipts_use() -> None:
    """Phases, verdicts, ends: the same lists."""
    Draft202012Validator.check_schema(SCHEMA)
    members = SCHEMA["properties"]
    assert SCHEMA["$id"] == PREDICATE_TYPE
    assert tuple(members["phase"]["enum"]) == statement.PHASES
    assert tuple(members["verdict"]["enum"]) == statement.VERDICTS
    assert tuple(members["enforcement"]["enum"]) == statement.ENFORCEMENTS
    finality = members["reasons"]["items"]["properties"]["finality"]
    assert tuple(finality["enum"]) == statement.FINALITIES
    assert tuple(members["outcome"]["properties"]["end"]["enum"]) == statement.ENDS


@pytest.mark.parametrize(
    ("changes", "is_valid"),
    [
        ({"newMember": {"any": 1}}, True),
        ({"verdict": "MAYBE"}, False),
        ({"phase": "outcome"}, False),
        ({"decidedAt": "2026-01-01"}, False),
        ({"sequence": {"writer": "a", "number": 0}}, False),
    ],
)
def test_a_reader_takes_new_members_and_no_wrong_ones(
    records: list[Record], changes: dict[str, Any], is_valid: bool
) -> None:
    """The promise of compatibility: members may come, and none changes its meaning."""
    [first, *_] = (each for each in records if each.predicate["phase"] == "request")
    changed = {**first.predicate, **changes}
    assert Draft202012Validator(SCHEMA).is_valid(changed) is is_valid


def closed_to_others(schema: Any) -> Any:
    """Close every object of the schema to members that it doesn't describe."""
    if isinstance(schema, list):
        return [closed_to_others(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: closed_to_others(each) for name, each in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        closed["additionalProperties"] = False
    return closed
