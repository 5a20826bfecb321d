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
        ('net.cidr_merge(["10.0.0.0/8", "::/0"])', ["::/0"]),
        ('net.cidr_contains("169.254.0.0/16", "::ffff:169.254.169.254")', True),
        ('net.cidr_contains("::/0", "::ffff:10.0.0.1")', False),
        ('net.cidr_contains("::ffff:10.0.0.0/104", "10.1.1.1")', True),
        ('net.cidr_contains("10.0.0.0/8", "10.1.0.0/16")', True),
        ('net.cidr_intersects("::ffff:10.0.0.0/104", "10.0.0.0/8")', True),
        ('net.cidr_expand("::ffff:1.2.3.4/127")', ["1.2.3.4", "1.2.3.5"]),
        ('urlquery.decode("x#/etc/passwd")', "x#/etc/passwd"),
        ('urlquery.decode("a=1&a=2&b")', "a=1&a=2&b"),
        ('urlquery.decode_object("a&&b=%20&=x&a=+c")', {"": ["x"], "a": ["", " c"], "b": [" "]}),
        ('urlquery.encode("~*")', "~%2A"),
        ('urlquery.encode_object({"b": "1", "a": ["y", "x"]})', "a=y&a=x&b=1"),
        ('base64.is_valid("ZXZpbA==\\n")', True),
        ('base64.is_valid("YR==")', True),
        ('base64.is_valid("YQ==YQ==")', False),
        ('base64.decode("YQ=\\n=")', "a"),
        ('base64url.decode("YR")', "a"),
        ('json.is_valid("\\"\\\\ud800\\"")', True),
        ('json.is_valid("NaN")', False),
        ("time.add_date(1709164800000000000, 1, 0, 0)", 1740787200000000000),
        ("time.add_date(1706659200000000000, 0, 1, 0)", 1709337600000000000),
        (
            'time.diff([1704067200000000000, "Europe/Berlin"], [1719792000123456789, "UTC"])',
            [0, 6, 0, 1, 0, 0],
        ),
        ('time.parse_rfc3339_ns("2024-01-01T00:00:00.5+01:00")', 1704063600500000000),
        ('time.parse_ns("2006-01-02", "2024-01-01")', 1704067200000000000),
        ('time.parse_ns("RFC1123Z", "Mon, 01 Jan 2024 00:00:00 +0100")', 1704063600000000000),
        ("time.format(123450000)", "1970-01-01T00:00:00.12345Z"),
        ("bits.or(9223372036854775808, 1)", 9223372036854775809),
        ("bits.rsh(-1, 3)", -1),
        ("format_int(-255.9, 16)", "-ff"),
        ('semver.compare("1.0.0-rc.10", "1.0.0-rc.2")', 1),
        ('semver.compare("1.0.0-a", "1.0.0")', -1),
        ('units.parse("1.")', 1),
        ('units.parse("1.1Ki")', 1126.4),
        ('units.parse_bytes(".5")', 0),
        ('units.parse_bytes("1e3KB")', 1000000),
        ('indexof_n("aaaa", "aa")', [0, 1, 2]),
        ('substring("é😀x", 1, -5)', "😀x"),
        ('glob.quote_meta("{}")', "\\{\\}"),
        ("numbers.range(3, 0)", [3, 2, 1, 0]),
        ("regex.is_valid(`\\C`)", False),
        ('json.filter({"a": {"b": 1, "c": 2}}, ["a/b", "a"])', {"a": {"b": 1, "c": 2}}),
        ('json.filter({"x/y": 1, "a": 2}, ["/x~1y"])', {"x/y": 1}),
        ('json.remove({"a": {"b": 1, "c": 2}}, ["/a/b"])', {"a": {"c": 2}}),
        ('json.remove({"a": {"b": 1, "c": 2}}, [["a", "b"]])', {"a": {"c": 2}}),
        ('json.match_schema({"a": 1}, {"properties": {"format": {}}})[0]', True),
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
        'net.cidr_contains("::/0", "fe80::1%eth0")',
        'net.cidr_expand("10.0.0.0/8")',
        'urlquery.decode("%zz")',
        'urlquery.decode_object("a=1;b=2")',
        'base64.decode("YQ")',
        "time.add_date(0, 300, 0, 0)",
        'time.parse_rfc3339_ns("2024-01-01 00:00:00Z")',
        'time.parse_rfc3339_ns("2024-12-31T23:59:60Z")',
        'time.parse_ns("2006-01-02", "2024-1-1")',
        'time.parse_ns("2006-01-02", "2024-01-01x")',
        'time.parse_ns("06-1-2", "24-1-1")',
        "bits.lsh(1, 64)",
        "bits.and(18446744073709551616, 1)",
        "format_int(100000000000000000000, 16)",
        'semver.compare("18446744073709551616.0.0", "1.0.0")',
        'units.parse("1_000")',
        'units.parse("1n")',
        'indexof("abc", "")',
        'indexof_n("abc", "")',
        'replace("abc", "", "x")',
        'substring("abcde", 1.5, 2)',
        "numbers.range(0, 9007199254740992)",
        'uuid.parse("01890a5d-ac96-774b-bcce-b302099a8057")',
        'uuid.parse("00000000-0000-0000-0000-000000000000")',
        'regex.match(`\\C`, "a")',
        'json.filter({"": 1}, [""])',
        'json.match_schema("1", {})[0]',
        "json.match_schema([1], {})[0]",
        'json.match_schema({"a": 1}, {"dependentRequired": {"a": ["b"]}})[0]',
        'json.match_schema({"a": 1}, {"$ref": "#/$defs/x", "required": [], "$defs": {"x": {}}})[0]',
        'strings.replace_n({"a": 1}, "b")',
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
