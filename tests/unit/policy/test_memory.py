"""What was found in a text is remembered for the same detectors, within bounds, and only that."""

from __future__ import annotations

import json
import random
import string
import time
from concurrent.futures import ThreadPoolExecutor

from helm_boundary.calls.call import CodedText, Text
from helm_boundary.policy.detectors.detectors import Detectors, Finding, compile_detectors
from helm_boundary.policy.detectors.memory import Memory
from helm_boundary.policy.sources.policy import read_policy

LONG = 256
LETTERS = string.ascii_letters + string.digits + "  .,;:=_-/@\n"


def detectors(*members: object) -> Detectors:
    return compile_detectors(json.dumps({"detectors": members}).encode())


def conversation(count: int, seed: int) -> list[Text]:
    """Return messages of 5 KB that resemble nothing."""
    r = random.Random(seed)
    return [
        Text(f"/messages/{n}/content", "user", "".join(r.choices(LETTERS, k=5_000)))
        for n in range(count)
    ]


def test_a_resent_conversation_costs_its_new_texts() -> None:
    """A MB in 200 messages, sent again with two more: a small part of what the first time cost."""
    shipped = compile_detectors(read_policy([]).detectors_text)
    shipped.scan(conversation(50, seed=1))
    said = conversation(200, seed=2)
    started = time.perf_counter()
    first = shipped.scan(said)
    middle = time.perf_counter()
    second = shipped.scan([*said, *conversation(2, seed=3)])
    ended = time.perf_counter()
    assert second[: len(first)] == first
    assert ended - middle < (middle - started) / 3


def test_findings_are_the_same_at_each_turn() -> None:
    """They name the pointer and the place that the text has this time."""
    found = detectors({"name": "d", "pattern": "[0-9]{5}"})
    text = "x" * LONG + "12345" + "é54321"
    for pointer in ("/messages/0/content", "/messages/7/content"):
        assert found.scan([Text(pointer, "user", text)]) == [
            Finding("d", pointer, LONG, LONG + 5),
            Finding("d", pointer, LONG + 6, LONG + 11),
        ]
    (coded, _) = found.scan([CodedText("/a", "user", text)])
    assert coded.place == "coded"


def test_a_text_is_another_one_in_a_member_whose_name_is_a_keyword() -> None:
    """What the name brings near is found there and nowhere else, in any order."""
    found = detectors({"name": "d", "pattern": "[0-9]{5}", "keywords": ["pin"], "near": 5})
    text = "x" * LONG + "12345"
    for _ in range(2):
        assert found.scan([Text("/a/note", "user", text)]) == []
        assert len(found.scan([Text("/a/pin", "user", text)])) == 1


def test_other_detectors_look_themselves() -> None:
    """A policy that is loaded anew remembers nothing of the one before it."""
    text = [Text("/t", "user", "x" * LONG + " 12345 abcde")]
    assert len(detectors({"name": "d", "pattern": "[0-9]{5}"}).scan(text)) == 1
    assert [each.detector for each in detectors({"name": "e", "pattern": "abc"}).scan(text)] == [
        "e"
    ]


def test_what_was_longest_not_seen_is_forgotten_first() -> None:
    """The bytes bound how much is kept; what many spans were found in counts for more."""
    memory = Memory(limit=1_000)
    a, b, c, d = (memory.key(bytes([n]), "") for n in range(4))
    for key in (a, b, c):
        memory.keep(key, ())
    assert memory.recall(a) == ()  # now b is the oldest
    memory.keep(d, ())
    assert [memory.recall(key) for key in (a, b, c, d)] == [(), None, (), ()]
    memory.keep(b, tuple((n, n + 1, "d") for n in range(100)))
    assert [memory.recall(key) for key in (a, b, c, d)] == [None] * 4


def test_what_is_kept_twice_counts_once() -> None:
    """Two threads may have read one text at the same time."""
    memory = Memory(limit=1_000)
    keys = [memory.key(bytes([n]), "") for n in range(3)]
    for _ in range(50):
        for key in keys:
            memory.keep(key, ())
    assert [memory.recall(key) for key in keys] == [(), (), ()]


def test_threads_find_what_one_finds() -> None:
    """Long texts are read in threads, short ones beside them."""
    shipped = compile_detectors(read_policy([]).detectors_text)
    said = [Text("/m", "user", f"{'word ' * 80} mail{n}@example.com {n}") for n in range(40)] * 5
    expected = [shipped.scan([text]) for text in said]
    again = compile_detectors(read_policy([]).detectors_text)
    with ThreadPoolExecutor(4) as threads:
        assert [*threads.map(lambda text: again.scan([text]), said)] == expected
    assert all(expected)
