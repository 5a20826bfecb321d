"""What we add to the engine answers as OPA does, here against worked examples.

OPA's own cases for the same functions run in tests/conformance/rego.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helm_boundary.policy.engines.evaluator import Evaluator
from helm_boundary.policy.errors import EngineError
from support.verifiers import opa


def ask(expression: str) -> Any:
    evaluator = Evaluator({"x.rego": f"package helm\n\ndecision := {expression}\n"}, "{}")
    return json.loads(evaluator.judge(b"{}"))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('regex.match(`^\\w+$`, "abc")', True),
        ('regex.match(`^\\w+$`, "äbc")', False),
        ('regex.match(`\\d`, "٣")', False),
        ('regex.match(`\\w{20}[\\w.+-]+@[\\w-]+\\.[\\w.-]+`, "a")', False),
        ('regex.match(`(?i)straße`, "STRASSE")', False),
        ("regex.is_valid(`(`)", False),
        ("regex.is_valid(1)", False),
        ("regex.is_valid(`a`)", True),
        ('regex.find_n("a.", "paranormal", -1)', ["ar", "an", "al"]),
        ('regex.find_n("a.", "paranormal", 2)', ["ar", "an"]),
        ('regex.find_n("a*", "baac", -1)', ["", "aa", ""]),
        (
            'regex.find_all_string_submatch_n("a(x*)b(y)?", "-axxb-ab-", -1)',
            [["axxb", "xx", ""], ["ab", "", ""]],
        ),
        ('regex.split("z+", "pizza")', ["pi", "a"]),
        ('regex.split("", "abc")', ["a", "b", "c"]),
        ('regex.split("a", "")', [""]),
        ('regex.replace("-ab-axxb-", "a(x*)b", "$1")', "--xx-"),
        ('regex.replace("-ab-axxb-", "a(x*)b", "${1}W")', "-W-xxW-"),
        ('regex.replace("-ab-axxb-", "a(x*)b", "$1W")', "---"),
        ('regex.replace("a", "a", "$$")', "$"),
        ('crypto.sha256("a")', "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ('crypto.md5("a")', "0cc175b9c0f1b6a831c399e269772661"),
        (
            'crypto.hmac.sha256("what do ya want for nothing?", "Jefe")',  # RFC 4231, case 2
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        ('crypto.hmac.equal("a", "a")', True),
        ('strings.count("11111", "11")', 2),
        ('strings.count("abc", "")', 4),
        ('net.cidr_intersects("10.0.0.0/8", "10.1.0.0/16")', True),
        ('net.cidr_intersects("10.0.0.0/8", "11.0.0.0/8")', False),
        ('net.cidr_merge(["10.0.0.0/9", "10.128.0.0/9"])', ["10.0.0.0/8"]),
        ('io.jwt.decode("eyJhbGciOiJub25lIn0.eyJhIjoxfQ.AQI")[1].a', 1),
        ('io.jwt.decode("eyJhbGciOiJub25lIn0.eyJhIjoxfQ.AQI")[2]', "0102"),
    ],
)
def test_extensions_answer_as_documented(expression: str, value: Any) -> None:
    """As the documentation of OPA and of Go's regexp has them."""
    assert ask(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        'regex.match("(", "a")',
        'regex.match("a", 1)',
        'regex.match("(?=a)", "a")',
        "crypto.sha256(1)",
        'io.jwt.decode("a.b")',
        'io.jwt.decode("!.!.!")',
        'net.cidr_intersects("10.0.0.1", "10.0.0.0/8")',
        'net.cidr_merge(["x/8"])',
    ],
)
def test_a_bad_argument_ends_the_evaluation(expression: str) -> None:
    """A DENY, not a guess."""
    with pytest.raises(EngineError):
        ask(expression)


PATTERNS = ["a*", "b|(a)c", "", "[ab]+", "(a)(b)?", "^a|c$", "\\b", ".", "a{2}", "é", "x*y*"]


def test_regexes_agree_with_opa() -> None:
    """The same answers as OPA for every pattern, text and function of a table."""
    texts = ["", "a", "aab", "abcab", "ééa", "c\nb", "xyxxy", "😀a"]
    calls = []
    for pattern in PATTERNS:
        for text in texts:
            p, t = json.dumps(pattern), json.dumps(text, ensure_ascii=False)
            calls += [
                f"regex.match({p}, {t})",
                f"regex.find_n({p}, {t}, -1)",
                f"regex.find_n({p}, {t}, 2)",
                f"regex.find_all_string_submatch_n({p}, {t}, -1)",
                f"regex.split({p}, {t})",
                f'regex.replace({t}, {p}, "<$0>")',
                f"crypto.hmac.sha512({p}, {t})",
                f"strings.count({t}, {p})",
            ]
    query = f"[{', '.join(calls)}]"
    done = subprocess.run(
        [opa(), "eval", "--format", "raw", "--stdin-input", query],
        input="{}",
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = json.loads(done.stdout)
    rows = ",\n".join(calls)
    ours = ask(f"[\n{rows},\n]")
    different = [(c, o, t) for c, o, t in zip(calls, ours, theirs, strict=True) if o != t]
    assert not different


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30))
def test_no_text_breaks_the_extensions(text: str) -> None:
    """Any text a JSON document can hold."""
    value = json.dumps(text, ensure_ascii=False)
    assert ask(f'concat("", regex.split("\\\\s", {value}))') == "".join(
        c for c in text if c not in "\t\n\f\r "
    )
