"""Detectors find what they are for, say where, and leave ordinary text alone."""

from __future__ import annotations

import base64
import hmac
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.calls.call import Text
from helm_boundary.policy.detectors.detector_file import merge_detectors
from helm_boundary.policy.detectors.detectors import (
    CANARY,
    MAX_SPANS,
    Detectors,
    Finding,
    compile_detectors,
)
from helm_boundary.policy.detectors.escapes import readings
from helm_boundary.policy.detectors.placeholders import is_placeholder
from helm_boundary.policy.detectors.validators import entropy, iban, luhn
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.policy import read_policy

SHIPPED = compile_detectors(read_policy([]).detectors_text)


def detectors(*members: object) -> Detectors:
    return compile_detectors(json.dumps({"detectors": members}).encode())


def spans(found: Detectors, text: str) -> list[tuple[str, str]]:
    findings = found.scan([Text("/t", "user", text)])
    return [(finding.detector, text[finding.start : finding.end]) for finding in findings]


def test_positions_are_code_points() -> None:
    """Whatever stands before: ASCII, two bytes, three, four, a lone surrogate."""
    digits = detectors({"name": "d", "pattern": "[0-9]+"})
    for before in ("ab", "éß", "日本", "😀🎉", "e\u0301", "\ud800"):
        start = len(before)
        found = digits.scan([Text("/t", "user", f"{before}123{before}")])
        assert found == [Finding("d", "/t", start, start + 3)]


def test_findings_name_their_text() -> None:
    """Several texts, several detectors, several spans: all of them, in order."""
    two = detectors({"name": "a", "pattern": "a+"}, {"name": "b", "pattern": "b"})
    texts = [Text("/0", "user", "xaaxb"), Text("/1", "user", "x"), Text("/2", "tool", "bb")]
    found = two.scan(texts)
    assert found == [
        Finding("a", "/0", 1, 3),
        Finding("b", "/0", 4, 5),
        Finding("b", "/2", 0, 1),
        Finding("b", "/2", 1, 2),
    ]
    assert [each.role for each in found] == ["user", "user", "tool", "tool"]


@pytest.mark.parametrize(
    ("member", "text", "found"),
    [
        ({"pattern": "key=([a-z]+)"}, "key=abc key=d", ["abc", "d"]),
        ({"pattern": "key(=[a-z]+)?"}, "key", ["key"]),
        ({"pattern": "(?i)k[a-z]+"}, "KEY", ["KEY"]),
        ({"pattern": r"\x{200B}+"}, "a\u200b\u200bb", ["\u200b\u200b"]),
        ({"pattern": "[0-9]{4}", "keywords": ["pin"]}, "Your PIN: 1234", ["1234"]),
        ({"pattern": "[0-9]{4}", "keywords": ["pin"]}, "Your number: 1234", []),
        ({"pattern": "[0-9]{4}", "keywords": ["pin"], "near": 4}, "pin" + " " * 9 + "1234", []),
        ({"pattern": "[0-9]{4}", "keywords": ["pin"], "near": 4}, "1234 pin", ["1234"]),
        ({"pattern": "[0-9]{4}", "keywords": ["p.n"]}, "pin 1234", []),
        ({"pattern": "[a-z]+", "unless": "^ab"}, "abc xyz", ["xyz"]),
        ({"pattern": "[0-9]+", "unless_before": "n=$"}, "n=1 m=2 2", ["2", "2"]),
        ({"pattern": "[0-9]+", "unless_after": "^%"}, "1% 2 %", ["2"]),
        ({"pattern": "[a-z0-9]{8}", "validator": "entropy", "entropy": 2.5}, "aaaaaaaa", []),
        (
            {"pattern": "[a-z0-9]{8}", "validator": "entropy", "entropy": 2.5},
            "a8f3k2z1",
            ["a8f3k2z1"],
        ),
        (
            {"pattern": "[0-9 ]+", "validator": "luhn"},
            "4111 1111 1111 1111",
            ["4111 1111 1111 1111"],
        ),
        ({"pattern": "[0-9 ]+", "validator": "luhn"}, "4111 1111 1111 1112", []),
        (
            {"pattern": r"\S{9,}", "validator": "random"},
            "k7Gq2Zx9Lw documentation2",
            ["k7Gq2Zx9Lw"],
        ),
        (
            {"pattern": r"\S+:\S+", "validator": "login"},
            "a:k7Gq2Zx9 bob-bob-1:bob-bob-1",
            ["a:k7Gq2Zx9"],
        ),
        (
            {"pattern": r"\S+", "validator": "basic"},
            "YTprN0dxMlp4OQ== YWJjZGVmZ2hpag==",
            ["YTprN0dxMlp4OQ=="],
        ),
    ],
)
def test_every_member_of_a_detector_has_its_effect(
    member: dict[str, object], text: str, found: list[str]
) -> None:
    """Groups, letter case, characters by number, keywords, exceptions, validators."""
    assert [span for _, span in spans(detectors({"name": "d", **member}), text)] == found


@pytest.mark.parametrize(
    ("member", "says"),
    [
        ({}, "object with a name"),
        ({"name": "d"}, "detector d: pattern must be a string"),
        ({"name": "d", "pattern": ""}, "detector d: pattern must be"),
        ({"name": "d", "pattern": 1}, "detector d: pattern must be"),
        ({"name": "d", "pattern": "("}, "detector d: pattern is not one that RE2 can run"),
        ({"name": "d", "pattern": "(?=x)"}, "RE2"),
        ({"name": "d", "pattern": r"(a)\1"}, "RE2"),
        ({"name": "d", "pattern": "a{2000}"}, "RE2"),
        ({"name": "d", "pattern": "a.{0,900}b"}, "at most 2000 are taken"),
        ({"name": "d", "pattern": "a*"}, "matches the empty text"),
        ({"name": "d", "pattern": "a", "validator": "nosuch"}, "unknown validator"),
        ({"name": "d", "pattern": "a", "validator": "entropy", "entropy": 9}, "entropy must be"),
        ({"name": "d", "pattern": "a", "keywords": []}, "keywords must be"),
        ({"name": "d", "pattern": "a", "keywords": "x"}, "keywords must be"),
        ({"name": "d", "pattern": "a", "near": 0}, "near must be"),
        ({"name": "d", "pattern": "a", "near": True}, "near must be"),
        ({"name": "d", "pattern": "a", "unless": "("}, "unless is not one that RE2 can run"),
        ({"name": "d", "pattern": "a", "unless_after": ""}, "unless_after must be"),
        ({"name": "d", "pattern": "a", "patern": "b"}, "unknown member 'patern'"),
    ],
    ids=str,
)
def test_an_unusable_detector_is_refused_by_name(member: dict[str, object], says: str) -> None:
    """A detector that can't look must not look like one that found nothing."""
    with pytest.raises(PolicyError, match=says.replace("(", r"\(")):
        detectors(member)


def test_placeholders_are_those_of_credentials() -> None:
    """A file says which; other topics find what they look for, whatever it looks like."""
    members = [{"name": f"{topic}.d", "pattern": "k[a-zA-Z0-9]+"} for topic in ("secret", "note")]
    text = json.dumps({"placeholders": ["^kNone"], "detectors": members}).encode()
    found = spans(compile_detectors(text), "kNone1 kxxxxxxxxxx k1234567 kA7q")
    assert [span for name, span in found if name == "secret.d"] == ["kA7q"]
    assert len([span for name, span in found if name == "note.d"]) == 4


def test_a_placeholder_must_be_a_pattern() -> None:
    """Else it would stand for nothing, without a word."""
    with pytest.raises(PolicyError, match="placeholders: each is not one that RE2 can run"):
        compile_detectors(b'{"placeholders": ["("], "detectors": []}')
    with pytest.raises(PolicyError, match="must be lists"):
        compile_detectors(b'{"placeholders": "x"}')


def test_placeholders_of_all_files_count() -> None:
    """A folder of one's own adds some and keeps the default policy's."""
    merged = merge_detectors(
        [(b"placeholders: [a]\ndetectors: []", "1"), (b"placeholders: [b]", "2")]
    )
    assert json.loads(merged) == {
        "placeholders": ["a", "b"],
        "published_keys": [],
        "detectors": [],
    }


def signed(key: bytes, header: bytes = b'{"alg":"HS256"}') -> str:
    """Return a JWT with an HMAC by the key."""
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, b'{"sub":"ada"}')]
    made = hmac.digest(key, b".".join(parts), "sha256")
    return b".".join((*parts, base64.urlsafe_b64encode(made).rstrip(b"="))).decode()


def test_a_token_that_anyone_can_sign_is_no_credential() -> None:
    """By a key that is published, whatever it says; by any other, or another algorithm, it is."""
    member = {"name": "secret.jwt", "pattern": r"eyJ[\w.-]+", "validator": "jwt"}
    text = json.dumps({"published_keys": ["known"], "detectors": [member]}).encode()
    found = compile_detectors(text)
    assert spans(found, signed(b"known")) == []
    for token in (signed(b"other"), signed(b"known", b'{"alg":"RS256"}'), signed(b"known") + "A"):
        assert spans(found, token) == [("secret.jwt", token)]


def test_published_keys_are_strings() -> None:
    """An empty one would be everybody's."""
    for keys in ([1], [""], "key"):
        with pytest.raises(PolicyError, match="published_keys"):
            compile_detectors(json.dumps({"published_keys": keys}).encode())


@given(st.text(alphabet="\\nrtA.x ", max_size=400), st.integers(0, 40))
def test_few_escapes_are_read_as_many_are(text: str, filling: int) -> None:
    """One by one or all at once: the same reading, and the same doubt."""
    few = text.encode() + b" " * 60_000
    many = text.encode() + b"\\" * (filling + len(text))
    meant = [each[: len(text)] for each in readings(few)]
    assert next(readings(many))[: len(text)] == meant[0]
    assert meant[0] == _plainly(text.encode())


def _plainly(text: bytes) -> bytes:
    for letter, meant in ((b"n", b"\n\n"), (b"r", b"\n\n"), (b"t", b"\t\t")):
        text = text.replace(b"\\" + letter, meant)
    return text


def test_a_right_to_left_mark_reaches_to_the_end_of_its_line() -> None:
    """At the end of one it turns nothing round."""
    assert spans(SHIPPED, "Ada\u202e\nGrace") == []
    assert spans(SHIPPED, "Ada\u202e Grace\n") == [("hidden.bidi", "\u202e")]


def test_a_key_in_many_lines_is_none_because_of_one() -> None:
    """Zeros in a row can be part of a long key; a key that is nothing else is none."""
    key = ("k7Gq2Zx9Lw" * 30) + "0" * 12
    assert not is_placeholder(key.encode())
    assert is_placeholder(b"k7Gq2Zx9Lw" + b"0" * 12)
    assert is_placeholder(b"0" * 500)


@pytest.mark.parametrize("escape", ["\\n", "\\r", "\\t", "\\r\\n", "\\\\n"])
@pytest.mark.parametrize("around", ['{{"a": "x{}"}}', "say('x{}')"])
def test_a_word_behind_an_escape_begins_there(escape: str, around: str) -> None:
    """In JSON, in JSON within JSON and in code: the letter is a line end's and no part of it."""
    found = detectors({"name": "note.d", "pattern": r"\bk[a-z]+[0-9]"})
    text = around.format(f"{escape}kabc1{escape}kd2")
    assert [span for _, span in spans(found, text)] == ["kabc1", "kd2"]
    assert spans(detectors({"name": "note.d", "pattern": "[nrt][a-z]+[0-9]"}), text) == []


def test_a_credential_behind_a_backslash_is_found_in_either_reading() -> None:
    """A doubt is a finding, once, for credentials and for nothing else."""
    text = r"C:\npm_k7Gq2Zx9Lwk7Gq2Zx9Lw and x\nsk_k7Gq2Zx9Lw"
    for topic, found in (("secret", ["npm_k7Gq2Zx9Lwk7Gq2Zx9Lw"]), ("note", [])):
        each = detectors({"name": f"{topic}.d", "pattern": r"\bnpm_[A-Za-z0-9]{20}\b"})
        assert [span for _, span in spans(each, text)] == found
    each = detectors({"name": "secret.d", "pattern": "[nrs]*[pk]m?_[A-Za-z0-9]{10}"})
    assert [span for _, span in spans(each, text)] == ["pm_k7Gq2Zx9Lw", "sk_k7Gq2Zx9Lw"]


def test_lines_end_where_escapes_say_so() -> None:
    """Patterns of whole lines hold in a tool's result that is JSON."""
    each = detectors({"name": "note.d", "pattern": "(?m)^k=([a-z]+)$"})
    assert [span for _, span in spans(each, r'{"env": "a=b\nk=secret\nc=d"}')] == ["secret"]


def test_two_detectors_of_one_name_are_refused() -> None:
    """Else a finding wouldn't say which."""
    with pytest.raises(PolicyError, match="two detectors"):
        detectors({"name": "d", "pattern": "a"}, {"name": "d", "pattern": "b"})


def test_the_canary_is_no_finding() -> None:
    """The pattern that proves the automaton works belongs to nobody."""
    assert spans(SHIPPED, CANARY) == []


def test_too_many_spans_become_one() -> None:
    """A text made of addresses is found whole: none is left out because there were so many."""
    text = "a1 " * (MAX_SPANS * 3)
    found = detectors({"name": "d", "pattern": "a1"}).scan([Text("/t", "user", text)])
    assert len(found) == MAX_SPANS + 1
    assert (found[-1].start, found[-1].end) == (found[-2].end + 1, len(text))


@given(st.text())
def test_every_span_is_inside_its_text(text: str) -> None:
    """Positions never leave the text, whatever it holds."""
    everything = detectors({"name": "d", "pattern": "."}, {"name": "e", "pattern": r"\s+"})
    for finding in everything.scan([Text("/t", "user", text)]):
        assert 0 <= finding.start < finding.end <= len(text)


@pytest.mark.parametrize("letter", ["a", "@", "4 ", "eyJ", "-", "=", "A", "sk-", "://", "0"])
def test_no_text_makes_detectors_slow(letter: str) -> None:
    """A megabyte of the least pleasant letters takes well under a second."""
    text = (letter * 1_000_000)[:1_000_000]
    started = time.process_time()
    SHIPPED.scan([Text("/t", "user", text)])
    assert time.process_time() - started < 1


def test_a_text_full_of_findings_costs_in_proportion() -> None:
    """In two readings, and where characters have several bytes: twice as much costs twice."""
    found = detectors(
        *({"name": f"secret.d{n}", "pattern": rf"\bk{n}-[a-z0-9]{{6}}\b"} for n in range(10))
    )
    line = "".join(f"é k{n}-a1b2c3 " for n in range(10)) + r"C:\nothing_of_importance_here"
    seconds = []
    for count in (100, 800):
        text = [Text("/t", "user", f"{line} {count}\n" * count)]
        started = time.process_time()
        assert len(found.scan(text)) == 10 * count
        seconds.append(time.process_time() - started)
    assert seconds[1] < 8 * 3 * seconds[0]


@pytest.mark.parametrize(
    ("digits", "valid"),
    [
        (b"4111111111111111", True),
        (b"4111 1111-1111 1111", True),
        (b"378282246310005", True),
        (b"4111111111111112", False),
        (b"0000000000000000", False),
    ],
)
def test_luhn(digits: bytes, valid: bool) -> None:
    """Check digits as issuers compute them."""
    assert luhn(digits) is valid


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        (b"GB82 WEST 1234 5698 7654 32", True),
        (b"DE89370400440532013000", True),
        (b"DE88370400440532013000", False),
        (b"GB82", False),
        (b"XX82 WEST 1234 5698 7654 32", False),
        (b"DE8937040044053201300000", False),
    ],
)
def test_iban(number: bytes, valid: bool) -> None:
    """Check digits of ISO 13616."""
    assert iban(number) is valid


def test_entropy() -> None:
    """Bits a byte: none for one letter, one for two, four for sixteen."""
    assert [entropy(b"aaaa"), entropy(b"abab"), entropy(b"0123456789abcdef")] == [0, 1, 4]
