"""Texts and numbers in our engine and in OPA: letters, replacements, numbers, JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from helm_boundary.policy.engines.evaluator import compile_engine
from support.verifiers import opa

LETTERS = [
    chr(point)
    for point in range(0x80, sys.maxunicode + 1)
    if unicodedata.category(chr(point)) in {"Lu", "Ll", "Lt", "Lm", "Mn", "Nl", "So"}
]
REPLACEMENTS = [
    ({"a": "b", "b": "c"}, "ab"),
    ({"ab": "1", "a": "2"}, "abab"),
    ({"é": "e", "e": "é"}, "eé"),
    ({"<": "&lt;", "&": "&amp;"}, "<&>"),
    ({"$0": "x", ".": "y"}, "$0.."),
    ({}, "abc"),
    ({"x": ""}, "axbx"),
]
NUMBERS = ["0", "1", "-1", "1.5", "-0.25", "12", "1e2", "1E+2", "9007199254740993", "-5e-1"]
VALUES: list[Any] = [
    "<a href='x'>&amp;</a>",
    '\u2028\u2029\u0007\u001f\u007f\b\f\n\r\t"\\/',
    {"b": [1, None, True], "a": {"é": "😀", "<": "&"}},
    [12345678901234567890, -1, 0, 1.5, -0.25],
    "",
    [],
    {},
]
VERSIONS = [
    "1.0.0",
    "v1.0.0",
    "V1.0.0",
    "vv1.0.0",
    "1.0",
    "01.0.0",
    "1.0.0-",
    "1.0.0-rc.01",
    "1.0.0-rc..1",
    "1.0.0+b",
]
VERSIONS += [
    "1.0.0+b_1",
    "1.0.0-a-b.c",
    "1.0.0.0",
    "v",
    "1.0.0-01",
    "1.0.0-0a",
    "1.0.0+01",
    "1.0.0-é",
    "12.3.4-x+y",
]
VERSIONS += ["", " 1.0.0", "1.0.0\n", "99999999999999999999.0.0"]
ROUNDED = [-2.5, -1.5, -1, -0.5, -0.1, 0, 0.1, 0.5, 1.5, 2, 1e15]
SUBSETS = [
    ([1, 2], []),
    ([], []),
    ([[1], 2], [[1]]),
    ([1], [1, 2]),
    ([], [1]),
    ([1, 2, 3], [2, 3]),
    ({"a": [1]}, {"a": []}),
    ({"a": {"b": [1, 2]}, "c": 1}, {"a": {"b": []}}),
    ({"a": "[]"}, {"a": "[]"}),
    ({}, {}),
    ({}, []),
    ([{"a": 1}], [{}]),
    ("a", []),
    (None, None),
]


def answers(text: str, given: Any, folder: Path) -> tuple[Any, Any]:
    """Return what each engine makes of the rule `all`."""
    (folder / "texts.rego").write_text(text)
    done = subprocess.run(
        [opa(), "eval", "--format=raw", "--stdin-input", f"--data={folder}", "data.texts.all"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[:2000]
    engine = compile_engine({"texts.rego": text}, "{}")
    engine.set_input_json(json.dumps(given))
    return json.loads(engine.eval_rule_as_json("data.texts.all")), json.loads(done.stdout)


@pytest.mark.parametrize(
    ("call", "given"),
    [
        ("lower(x)", LETTERS),
        ("upper(x)", LETTERS),
        ("lower(x)", ["ΑΣ ΟΔΟΣ", "İstanbul", "STRASSE", "ẞ", ""]),
        ("upper(x)", ["straße", "ŉ ﬁ ǆ ᾳ", "ı i", ""]),
        ("to_number(x)", [*NUMBERS, None, True, False, 5, 1.5]),
        ("strings.replace_n(x[0], x[1])", REPLACEMENTS),
        ("json.marshal(x)", VALUES),
        ("count(x)", ["é😀", "", "abc", [1, [2]], {"a": 1}, []]),
        ("semver.is_valid(x)", [*VERSIONS, 1, None, []]),
        ("floor(x)", ROUNDED),
        ("ceil(x)", ROUNDED),
        ("[1 | object.subset(x[0], x[1])]", SUBSETS),
        ("[v | v := object.subset({k | some k in x[0]}, {k | some k in x[1]})]", SUBSETS[:6]),
    ],
    ids=lambda value: str(value)[:30],
)
def test_both_engines_return_the_same(call: str, given: list[Any], tmp_path: Path) -> None:
    """One call over each value."""
    ours, theirs = answers(
        f"package texts\n\nall := [y | some x in input; y := {call}]\n", given, tmp_path
    )
    assert len(theirs) == len(given)
    different = [three for three in zip(given, ours, theirs, strict=True) if three[1] != three[2]]
    assert different == []


@pytest.mark.parametrize("value", [" 1", "1 ", "", "abc", "+1", "0x10", "01", "1.", "NaN", []])
def test_what_is_no_number_fails(value: Any) -> None:
    """Loudly, where the engine's own would have read some of it."""
    engine = compile_engine({"texts.rego": "package texts\n\nall := to_number(input)\n"}, "{}")
    engine.set_input_json(json.dumps(value))
    with pytest.raises(RuntimeError, match="expected a"):
        engine.eval_rule_as_json("data.texts.all")
