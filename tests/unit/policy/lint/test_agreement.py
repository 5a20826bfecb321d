"""The lint refuses what the engine reads differently than OPA, and nothing that it reads alike."""

from __future__ import annotations

import json

import pytest

from helm_boundary.policy.engines.evaluator import compile_engine
from helm_boundary.policy.rego.lint import CHECKS, Program
from helm_boundary.policy.rego.syntax import read_rules
from support.forms import DATA, SCHEMA, Form
from support.forms.tables import FORMS, UNSAFE

# A form is no policy: it has no decision, and reads what another form's documents have.
APART = {"check_decision", "check_data", "check_input"}


def problems(form: Form) -> list[str]:
    """Return what the lint says about a form."""
    tree = compile_engine(form.modules, json.dumps(DATA)).get_ast_as_json()
    program = Program(read_rules(tree), DATA, SCHEMA)
    found = [check(program) for check in CHECKS if check.__name__ not in APART]
    return [str(problem) for some in found for problem in some]


@pytest.mark.parametrize("form", [form for form in FORMS if form.refused] + UNSAFE, ids=str)
def test_a_form_that_differs_is_refused(form: Form) -> None:
    """With its file and its line."""
    found = problems(form)
    assert found
    assert all(line.split(":")[0] in form.modules and int(line.split(":")[1]) for line in found)


@pytest.mark.parametrize("form", [form for form in FORMS if not form.refused], ids=str)
def test_a_form_that_agrees_passes(form: Form) -> None:
    """A false alarm would be a policy that can't be used."""
    assert problems(form) == []
