"""OPA's own cases run on our engine, in a process that a case may take down.

Reads cases (JSON lines) from standard input and writes ``[id, outcome, detail]`` for each, as it
ends: pass, loud (it failed where it shouldn't), wrong (another value), no_error (a value where
OPA has an error), panic.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

os.environ["RUST_BACKTRACE"] = "0"

from helm_boundary.policy.engines.evaluator import compile_engine, message_of
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.rego.builtins import ADDED, IN_MODULES
from helm_boundary.policy.rego.extensions import EXTENSIONS


def main() -> None:
    for line in sys.stdin:
        case = json.loads(line)
        print(json.dumps([case["id"], *run(case)]), flush=True)


def run(case: dict[str, Any]) -> tuple[str, str]:
    fails = "want_error" in case or "want_error_code" in case
    try:
        found = evaluate(case)
    except (PolicyError, RuntimeError, ValueError) as error:
        return ("pass", "") if fails else ("loud", message_of(error))
    except BaseException as error:
        return "panic", type(error).__name__
    if fails:
        return "no_error", json.dumps(found)[:200]
    wanted = [json.dumps(result, sort_keys=True) for result in case.get("want_result") or []]
    same = sorted(wanted) == sorted(json.dumps(result, sort_keys=True) for result in found)
    if same or loosely(found) == loosely(case.get("want_result") or []):
        return "pass", ""
    return "wrong", json.dumps(found)[:200]


def evaluate(case: dict[str, Any]) -> list[Any]:
    texts = [with_results(text) for text in case.get("modules") or []]
    modules = {f"{number}.rego": text for number, text in enumerate(texts)}
    engine = compile_engine(modules, json.dumps(case.get("data") or {}))
    if "input" in case:
        engine.set_input_json(json.dumps(case["input"]))
    elif "input_term" in case:
        term = json.loads(engine.eval_query_as_json(case["input_term"]))
        value = term["result"][0]["expressions"][0]["value"]
        engine.set_input_json(json.dumps(value))
    answer = json.loads(engine.eval_query_as_json(case["query"]))
    results = []
    for result in answer.get("result", []):
        values = [expression["value"] for expression in result["expressions"]]
        if all(value is not False for value in values):
            results.append(result.get("bindings", {}))
    return results


NETWORKS = IN_MODULES["networks"]
CALL = re.compile(
    rf"^(\s*)({'|'.join(map(re.escape, [*EXTENSIONS, *NETWORKS]))})\((.*), (\w+|\[[^]]*\])\)$", re.M
)


def with_results(text: str) -> str:
    """Write ``x = f(a)`` for ``f(a, x)`` in a module, where f is an extension of ours.

    The engine takes an extension's result only so, and the lint refuses the other way.
    """
    return CALL.sub(lambda m: f"{m[1]}{m[4]} = {m[2]}({m[3]})" if m[2] in ADDED else m[0], text)


def loosely(value: Any) -> Any:
    """Compare as JSON values: 1 equals 1.0, and results may be in any order."""
    if isinstance(value, list):
        return sorted((loosely(item) for item in value), key=repr)
    if isinstance(value, dict):
        return {key: loosely(item) for key, item in value.items()}
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 2**53 else value
    return value


if __name__ == "__main__":
    main()
