"""Our engine and OPA, which decide the same on every call.

A thousand generated documents (and the self-test's), under the shipped policy and under
settings that switch every topic on, through both engines; the decisions must be equal.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from helm_boundary.policy.decision import parse_decision
from helm_boundary.policy.engines.evaluator import Evaluator
from helm_boundary.policy.engines.smoke_test import SAMPLES
from helm_boundary.policy.sources.default_folder import default_policy_folder
from helm_boundary.policy.sources.dormant_topics import awake
from helm_boundary.policy.sources.policy import Policy, read_policy
from support.verifiers import opa

SCHEMA = json.loads((default_policy_folder() / "input.schema.json").read_bytes())


SETTINGS = """
rules:
  secrets.response: deny
  models.unnamed: observe
  tools.person: "off"
  personal.found: escalate
models: {allow: [gpt-4.1-mini], allow_prefixes: [claude-]}
operations: {allow_categories: [inference], allow: [listModels]}
personal: {request: deny, response: redact}
tools:
  allow: [search]
  allow_prefixes: [read_]
  person: [pay]
  deny_prefixes: [rm]
  hosted: [function]
  arguments:
    search: [{argument: q, match: '^[a-z ]+$', never: [secret]}, {schema: {required: [q]}}]
    read_file: [{argument: path, within: [/workspace/]}]
    read_url: [{argument: url, hosts: [docs.test]}]
hosts: {allow: [api.openai.com], allow_suffixes: [.test]}
residency: {allow: [eu]}
hours: {days: [Monday, Tuesday], from: 8, to: 18, timezone: Europe/Berlin}
injection: {roles: [tool, user]}
attachments: {max_bytes: 100, types: [image/], hosts: [cdn.test]}
parameters: {max: {n: 4, max_output_tokens: 100}, forbid: {store: [true]}}
principals:
  alice: {rules: {models.unlisted: observe, tools.unlisted: deny}, tools: [deploy]}
  k1: {models: [other]}
groups:
  red: {principals: [alice, bob], models: [GPT-4, other], rules: {operations.unlisted: escalate}}
  blue: {principals: [bob], keys: [k2], tools: [other], rules: {models.unlisted: false}}
"""


def documents(count: int, seed: int = 11) -> Iterator[dict[str, Any]]:
    r = random.Random(seed)
    yield from (dict(sample) for sample in SAMPLES.values())
    for _ in range(count):
        phase = r.choice(["request", "response"])
        base = SAMPLES["a chat request" if phase == "request" else "a response"]
        document = {**base, **_call(r)}
        document["findings"] = [_finding(r) for _ in range(r.choice([0, 0, 0, 1, 2, 5]))]
        if phase == "response":
            calls = [_tool_call(r, i) for i in range(r.choice([0, 0, 1, 2, 4]))]
            document["response"] = {**base["response"], "tool_calls": calls}
        yield document


def _call(r: random.Random) -> dict[str, Any]:
    kind, category = r.choice(
        [("createChatCompletion", "inference")] * 5
        + [("listModels", "meta"), ("unknown", "unknown"), ("deleteProject", "admin")]
    )
    operation = {"id": kind, "name": kind, "category": category, "dialect": "chat", "stream": False}
    roles = [r.choice(["system", "user", "tool", "assistant"]) for _ in range(4)]
    names = ["n", "max_output_tokens", "store", "temperature", "x"]
    values: list[Any] = [None, True, False, 0, 4, 5, 100, 101, 1.5, "5", [1], {}]
    return {
        "operation": operation,
        "model": r.choice(["gpt-4.1-mini", "claude-x", "GPT-4", "other", "", "é", None]),
        "http": {
            **SAMPLES["a chat request"]["http"],
            "host": r.choice(
                ["api.openai.com", "API.OPENAI.COM", "eu.api.openai.com", "a.test", "x"]
            ),
        },
        "client": {
            "address": "127.0.0.1",
            "principal": r.choice([None, None, "alice", "bob"]),
            "key_id": r.choice([None, "k1", "k2"]),
        },
        "texts": [
            {"pointer": f"/messages/{i}/content", "role": role, "text": "x"}
            for i, role in enumerate(roles)
        ],
        "tools": [
            {
                "type": r.choice(["function", "mcp", "web_search"]),
                "name": "t",
                "description": "",
                "parameters": None,
                "pointer": f"/tools/{i}",
            }
            for i in range(r.choice([0, 0, 1, 2]))
        ],
        "attachments": [_attachment(r, i) for i in range(r.choice([0, 0, 0, 1, 2]))],
        "parameters": {name: r.choice(values) for name in names if r.random() < 0.3},
        "context": {
            **SAMPLES["a chat request"]["context"],
            "now_ns": 1767603600000000000 + r.randrange(-(10**15), 10**15),
        },
    }


def _finding(r: random.Random) -> dict[str, Any]:
    detectors = ["secret.github", "personal.email", "hidden.bidi", "injection.override", "other"]
    start = r.randrange(100)
    pointer = f"/messages/{r.randrange(5)}/content"
    return {"detector": r.choice(detectors), "pointer": pointer, "start": start, "end": start + 5}


def _attachment(r: random.Random, number: int) -> dict[str, Any]:
    return {
        "pointer": f"/messages/{number}",
        "kind": r.choice(["image", "file"]),
        "media_type": r.choice([None, "image/png", "application/pdf"]),
        "host": r.choice([None, "cdn.test", "CDN.TEST", "other.test"]),
        "bytes": r.choice([None, 1, 100, 101]),
        "sha256": None,
    }


def _tool_call(r: random.Random, number: int) -> dict[str, Any]:
    arguments: Any = r.choice(
        [
            {"q": "find it"},
            {"q": "a secret"},
            {"q": "A"},
            {"q": 1},
            {},
            None,
            [],
            "q",
            5,
            {"path": "/workspace/a"},
            {"path": "/workspace/../a"},
            {"path": None},
            {"url": "https://docs.test/x"},
            {"url": "https://docs.test@evil.test/"},
        ]
    )
    text = json.dumps(arguments)
    return {
        "id": None,
        "name": r.choice(
            ["search", "read_file", "read_url", "pay", "rm_rf", "deploy", "other", ""]
        ),
        "arguments": arguments,
        "arguments_text": text,
        "valid_json": r.random() < 0.97,
        "choice": 0,
        "pointer": f"/choices/0/message/tool_calls/{number}",
    }


def ours(policy: Policy, inputs: list[dict[str, Any]]) -> list[Any]:
    evaluator = Evaluator(awake(policy.modules, policy.data), json.dumps(policy.data))
    return [json.loads(evaluator.judge(json.dumps(document).encode())) for document in inputs]


def theirs(policy: Policy, inputs: list[dict[str, Any]], folder: Path) -> list[Any]:
    for number, text in enumerate(policy.modules.values()):
        (folder / f"{number}.rego").write_text(text)
    (folder / "data.json").write_text(json.dumps(policy.data))
    done = subprocess.run(
        [
            opa(),
            "eval",
            "--strict",
            "--format",
            "raw",
            "--stdin-input",
            "--data",
            str(folder),
            "[d | some document in input; d := data.helm.decision with input as document]",
        ],
        input=json.dumps(inputs),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[:2000]
    answers: list[Any] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("settings", ["", SETTINGS], ids=["as shipped", "every topic on"])
def test_both_engines_give_the_same_decisions(tmp_path: Path, settings: str) -> None:
    """Whole decisions: verdict, every reason in its order, rewrites, what was only observed."""
    folders = []
    if settings:
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "data.yaml").write_text(settings)
        folders = [tmp_path / "own"]
    policy = read_policy(folders)
    inputs = list(documents(1_000))
    (tmp_path / "opa").mkdir()
    mine, other = ours(policy, inputs), theirs(policy, inputs, tmp_path / "opa")
    different = [
        (document, one, two)
        for document, one, two in zip(inputs, mine, other, strict=True)
        if one != two
    ]
    verdicts = Counter(parse_decision(decision).verdict for decision in mine)
    print(f"\n{dict(verdicts)}; {len(different)} of {len(inputs)} differ")
    assert not different
    assert min(verdicts[verdict] for verdict in ("ALLOW", "DENY", "ESCALATE")) > 20


def test_the_generated_documents_fit_the_schema() -> None:
    """What both engines judged is valid by the input's schema."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for document in documents(100):
        validator.validate(document)
