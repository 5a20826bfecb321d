"""Ways to write Rego that the embedded engine may read differently than OPA.

Each form is a policy around a rule ``v``. One that is refused differs from OPA on one of its
documents; one that isn't agrees on each. The lint's tests say that it refuses the first and not
the second; the conformance tests ask OPA, so that the tables stay true.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helm_boundary.policy.engines.evaluator import compile_engine, message_of

PACKAGE = "form"  # each form's packages start with it, and get another name to live side by side
UNDEFINED = "undefined"
FAILED = "failed: "
# What policies read, and what may be missing there.
SCHEMA: Mapping[str, Any] = {
    "properties": {
        "phase": {"enum": ["request", "response"]},
        "name": {"type": "string"},
        "model": {"type": ["string", "null"]},
        "p": {"type": "object"},
        "tools": {
            "items": {
                "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
                "required": ["name"],
            }
        },
        "response": {"properties": {"calls": {"type": "array"}}, "required": ["calls"]},
    },
    "required": ["phase", "name", "model", "p", "tools"],
    "if": {"properties": {"phase": {"const": "response"}}},
    "then": {"required": ["response"]},
}


def document(p: Mapping[str, Any], **members: Any) -> dict[str, Any]:
    """Return a document that the schema allows."""
    whole: dict[str, Any] = {"phase": "request", "name": "abc", "model": None, "tools": [], "p": p}
    return whole | members


TOOLS = [{"name": "a", "size": 9}, {"name": "b"}]
DOCUMENTS: Sequence[Mapping[str, Any]] = (
    document({}),
    document({"n": 1, "k": "x", "l": [1], "o": {"m": 1}, "role": "r"}),
    document({"n": 9, "k": "zz", "l": [], "o": {}}, model="m", tools=TOOLS),
    document({"n": 3, "k": "y"}, tools=TOOLS[1:]),
    document({"k": "x", "l": [3, 9], "o": {"m": 9}}, phase="response", response={"calls": []}),
)
DATA: Mapping[str, Any] = {
    "one": {"x": 1},
    "two": {"x": 1, "y": 2},
    "names": ["abc"],
    "limits": {"low": {"max": 1}, "high": {"max": 5}},
    "some": {"low": {"max": 1}, "high": {}},
    "off": None,
    "on": {"from": 1},
}


@dataclass(frozen=True, slots=True)
class Form:
    """Modules (a line ``--- file`` begins another one than form.rego), and whether it differs."""

    text: str
    refused: bool

    @property
    def modules(self) -> dict[str, str]:
        """The modules by file."""
        first, *others = re.split(r"^--- (\w+\.rego)$", self.text.strip(), flags=re.MULTILINE)
        modules = {
            "form.rego": first if first.startswith("package") else f"package form\n\n{first}"
        }
        return modules | dict(zip(others[::2], others[1::2], strict=True))

    def __str__(self) -> str:
        return " ".join(self.text.split())[:90]


def forms(common: str, refused: Sequence[str], agree: Sequence[str]) -> list[Form]:
    """Return the forms of two tables, with rules that all of them may use."""
    return [
        Form(f"{text}\n{common}" if "---" not in text else text, differs)
        for table, differs in ((refused, True), (agree, False))
        for text in table
    ]


def ours(form: Form) -> list[Any]:
    """Return the value of the form's rule in the embedded engine, for each document."""
    engine = compile_engine(form.modules, json.dumps(DATA))
    return [_value(engine.clone(), given) for given in DOCUMENTS]


def _value(engine: Any, given: Mapping[str, Any]) -> Any:
    try:
        engine.set_input_json(json.dumps(given))
        answer = engine.eval_rule_as_json("data.form.v")
    except BaseException as error:  # panics are not Exceptions
        return FAILED + message_of(error)
    return UNDEFINED if answer == '"<undefined>"' else json.loads(answer)
