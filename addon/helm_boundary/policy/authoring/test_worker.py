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


def main() -> int:
    """Run every test of the plan, in its order."""
    plan = json.load(sys.stdin)
    try:
        engine = compile_engine(plan["modules"], plan["data"])
    except PolicyError as error:
        _say({"refused": [str(error)]})
        return 1
    program = Program(read_rules(engine.get_ast_as_json()), json.loads(plan["data"]), {})
    if problems := lint_tests(program, plan["files"]):
        _say({"refused": [str(problem) for problem in problems]})
        return 1
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
        answer = engine.eval_rule_as_json(name)
        passed = answer == "true"
        if not passed:
            message = "is undefined" if answer == UNDEFINED else f"is {answer}"
    except BaseException as error:  # panics are not Exceptions
        passed, message = False, message_of(error)
    prints = engine.take_prints()
    seconds = time.perf_counter() - started
    result = {"test": name, "passed": passed, "message": message, "prints": prints}
    return result | {"seconds": seconds}


def _say(value: dict[str, Any]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    sys.exit(main())
