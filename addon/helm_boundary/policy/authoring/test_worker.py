"""The process in which ``policy test`` runs rules, started by :mod:`.test_runner`.

Reads a plan (JSON) from standard input and writes a line of JSON for each test as it ends, then
one with the coverage. What the tests' files mean otherwise to OPA is refused before.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

os.environ["RUST_BACKTRACE"] = "0"

from helm_boundary.policy.engines.evaluator import UNDEFINED, compile_engine, message_of
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.rego.lint import Program, lint_tests
from helm_boundary.policy.rego.syntax import read_rules

from .test_cases import NOTES, failed_cases, with_notes


def main() -> int:
    """Run every test of the plan, in its order."""
    plan = json.load(sys.stdin)
    try:
        engine = compile_engine(plan["modules"], plan["data"])
    except PolicyError as error:
        _say({"refused": [str(error)]})
        return 1
    rules = read_rules(engine.get_ast_as_json())
    program = Program(rules, json.loads(plan["data"]), {})
    if problems := lint_tests(program, plan["files"]):
        _say({"refused": [str(problem) for problem in problems]})
        return 1
    engine = compile_engine(with_notes(plan["modules"], rules), plan["data"])
    engine.set_gather_prints(True)
    engine.set_enable_coverage(plan["coverage"])
    for name in plan["tests"]:
        _say(_run(engine, name))
    if plan["coverage"]:
        _say({"coverage": json.loads(engine.get_coverage_report_as_json())["files"]})
    return 0


def _run(engine: Any, name: str) -> dict[str, Any]:
    started = time.perf_counter()
    message = None
    try:
        answer = _answer(engine, name)
        message = _failure(engine, name, answer)
    except BaseException as error:  # panics are not Exceptions
        message = message_of(error)
    prints = engine.take_prints()
    seconds = time.perf_counter() - started
    result = {"test": name, "passed": message is None, "message": message, "prints": prints}
    return result | {"seconds": seconds}


def _answer(engine: Any, name: str) -> str:
    """Return the JSON of a test's value, also of one with cases of cases."""
    try:
        answer: str = engine.eval_rule_as_json(name)
    except RuntimeError as error:
        if "not a valid rule path" not in str(error):
            raise
        found = json.loads(engine.eval_query_as_json(name)).get("result", [])
        return json.dumps(found[0]["expressions"][0]["value"]) if found else UNDEFINED
    return answer


def _failure(engine: Any, name: str, answer: str) -> str | None:
    """Say what is wrong with a test's value, or return None."""
    if answer == "true":
        return None
    if answer == UNDEFINED:
        return "is undefined"
    value = json.loads(answer)
    if not isinstance(value, dict):
        return f"is {answer}"
    package, _, test = name.rpartition(".")
    try:
        notes = json.loads(engine.eval_rule_as_json(f"{package}.{NOTES}{test}"))
    except RuntimeError:  # no such rule: the test is no rule with cases
        return f"is {answer}"
    failed = list(failed_cases(value, notes))
    if failed or not notes:
        return f"fails for {', '.join(failed)}" if failed else "has no cases"
    return None


def _say(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    sys.exit(main())
