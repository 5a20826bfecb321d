"""sprintf in our engine and in OPA: the table, and every verb over every kind of value.

Whole numbers that are written as floats are left out: the engine doesn't know how a number was
written, so 1.0 is 1.
"""

from __future__ import annotations

import json
import subprocess
from itertools import product
from pathlib import Path

from helm_boundary.policy.engines.evaluator import compile_engine
from support.forms.printing import INPUT, PRINTED
from support.verifiers import opa

VERBS = [
    f"%{flags}{verb}" for verb in "sdvfxqTteGboOcUXEgz" for flags in ("", "5", "-6.2", "06", "+")
]
VERBS += ["%#v", "%#x", "% d", "%#q", "%#o", "%.0d", "%.3d", "%", "%%", "%[1]v%[2]v", "%*d", "%!"]
VALUES = ["1", "-3", "65", "123456789012345678901234567890", "true", "null", '"abc"', '""']
VALUES += ['"é\\n\\"q"', '[1, "b"]', '{"b": 1, "a": [null]}', "{2, 1}", "set()", "[]", "{}"]
VALUES += ['{{"a": 1}}', "{1: 2}", "{[1]: set()}", '"日本"', "0", "input.text", "input"]
FLOATS = ["1.5", "-0.25", "0.0000001", "123456789.5", "0.1", "[[1.5]]"]


def test_every_verb_prints_every_value_as_opa_does(tmp_path: Path) -> None:
    """Some thousand calls, in both."""
    calls = [(verb, f"[{value}]") for verb, value in product(VERBS, VALUES)]
    calls += [(verb, f"[{value}]") for verb, value in product(VERBS, FLOATS) if _is_taken(verb)]
    calls += [(template, values) for template, values, _ in PRINTED]
    printed = [f"\tsprintf({json.dumps(template)}, {values})," for template, values in calls]
    text = "\n".join(["package printed", "", "all := [", *printed, "]", ""])
    (tmp_path / "printed.rego").write_text(text)
    done = subprocess.run(
        [opa(), "eval", "--format=raw", "--stdin-input", f"--data={tmp_path}", "data.printed.all"],
        input=json.dumps(INPUT),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[:2000]
    theirs = json.loads(done.stdout)
    engine = compile_engine({"printed.rego": text}, "{}")
    engine.set_input_json(json.dumps(INPUT))
    ours = json.loads(engine.eval_rule_as_json("data.printed.all"))
    different = [three for three in zip(calls, ours, theirs, strict=True) if three[1] != three[2]]
    assert not different
    assert len(theirs) == len(calls)


def _is_taken(verb: str) -> bool:
    """Tell whether a float may have the verb: the rest fails, and says so."""
    return "#" not in verb and not ("." in verb and verb[-1] in "xX")
