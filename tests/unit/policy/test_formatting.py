"""Our sprintf, which prints what OPA's prints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm_boundary.policy.engines.evaluator import compile_engine
from helm_boundary.policy.rego.formatting import call_instead
from support.forms.printing import INPUT, PRINTED


def evaluate(rule: str, modules: dict[str, str] | None = None) -> Any:
    """Return the value of a rule called v; the engine's error where it fails."""
    engine = compile_engine({"p.rego": f"package p\n\n{rule}\n", **(modules or {})}, "{}")
    engine.set_input_json(json.dumps(INPUT))
    return json.loads(engine.eval_rule_as_json("data.p.v"))


@pytest.mark.parametrize(("template", "values", "printed"), PRINTED)
def test_sprintf_prints_what_opa_prints(template: str, values: str, printed: str) -> None:
    """Verbs, flags, and values that a verb can't take."""
    assert evaluate(f"v := sprintf({json.dumps(template)}, {values})") == printed


@pytest.mark.parametrize("values", ["input.no", "input", "null"])
def test_sprintf_of_no_array_fails(values: str) -> None:
    """Undefined in OPA; here the evaluation ends, which is a DENY."""
    with pytest.raises(RuntimeError, match="expects an array"):
        evaluate(f'x := [y | y := {values}][0]\nv := sprintf("%v", x)')


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ('v if sprintf("%v", [1], "1")', True),
        ('v := x if sprintf("%v", [1], x)', "1"),
        ('v := sprintf("%s", [input.absent])', "<undefined>"),
        ('v := [sprintf("%d", [n]) | some n in input.list]', ["1"]),
        ('v := sprintf("%v%v", [sprintf("%d", [1]), {sprintf("x%v", [2])}])', '1{"x2"}'),
        ('v := x if { x := w with sprintf as "mine" }\nw := sprintf("%d", [1])', "mine"),
        ('v := {"sprintf": `sprintf("%d", [1])`} # sprintf', {"sprintf": 'sprintf("%d", [1])'}),
        ('v := sprintf("%d", [1]).x', "<undefined>"),
    ],
)
def test_sprintf_is_called_like_a_builtin(rule: str, value: object) -> None:
    """With an output argument, replaced by with, nested, undefined arguments."""
    assert evaluate(rule) == value


def test_a_policy_may_have_a_sprintf_of_its_own() -> None:
    """It is the one that is called in its module."""
    text = "package p\n\nsprintf(x) := x\n\nv := sprintf(3)\n"
    assert call_instead(text) == text
    assert evaluate("sprintf(x) := x\n\nv := sprintf(3)") == 3


def test_line_numbers_stay_the_same() -> None:
    """Whatever is wrong is still found where it stands."""
    text = 'package p\n\nv := sprintf("%d",\n\t[1])\n\nw := 1\n'
    assert call_instead(text).count("\n") == text.count("\n")
