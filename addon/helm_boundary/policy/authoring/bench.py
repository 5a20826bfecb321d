"""The cost of a policy, whole and by its parts: ``policy bench``."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from helm_boundary.calls.call import Text
from helm_boundary.policy.detectors.detectors import compile_detectors
from helm_boundary.policy.engines.embedded import start_embedded
from helm_boundary.policy.engines.evaluator import Evaluator
from helm_boundary.policy.engines.smoke_test import SAMPLES
from helm_boundary.policy.sources.dormant_topics import awake
from helm_boundary.policy.sources.folder import package_of
from helm_boundary.policy.sources.policy import Policy

_WORD = re.compile(r"^(deny|escalate|rewrite|allow|stream)\b", re.MULTILINE)
PROSE = "Please explain what this function does, and why the test in line 42 is flaky. "
MIXED = "".join(
    f"{PROSE}def get_{n}(self, *, key=None): return self.values[key or {n}]  # {digest}\n"
    f'{{"path": "src/app_{n}.test.ts", "secret": false, "sha": "{digest[:40]}", "n": {n * n}}}\n'
    f"2026-01-01T00:00:{n:02}Z INFO https://acme.test/{digest[:6]}/?q={n} user@{n} took {n}.5s\n"
    for n in range(20)
    for digest in [hashlib.sha256(b"%d" % n).hexdigest()]
)
"""Code, JSON and logs, in which parts of what is looked for stand everywhere."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of one part: ``kind`` is policy, topic, rule, base, detectors or detector.

    ``on`` says what it was measured on, and ``runs`` how often. A part's figures are less what the
    same costs without it at p50, so that they can be 0.
    """

    kind: str
    name: str
    p50: float
    p99: float
    on: str = ""
    runs: int = 0


def measure(policy: Policy, runs: int) -> list[Cost]:
    """Measure the policy in this process, once it has been tried in one of its own."""
    start_embedded(policy, deadline_ms=5_000).close()
    parts = (_whole, _topics, _rules, _detectors)
    return [cost for part in parts for cost in part(policy, runs)]


def dearest(costs: Sequence[Cost], kind: str) -> Cost | None:
    """Return the part of a kind that costs most; None where there is none."""
    return max((cost for cost in costs if cost.kind == kind), key=lambda c: c.p50, default=None)


def sample(phase: str, size: int) -> bytes:
    """Return an ordinary chat's document with ``size`` characters of text; phase as in SAMPLES."""
    text = (PROSE * (size // len(PROSE) + 1))[:size]
    chat: dict[str, Any] = dict(SAMPLES[phase])
    chat["texts"] = [{"pointer": "/messages/0/content", "role": "user", "text": text}]
    chat["messages"] = [{**chat["messages"][0], "text": text}]
    chat["body"] = {"model": chat["model"], "messages": [{"role": "user", "content": text}]}
    return json.dumps(chat).encode()


def _whole(policy: Policy, runs: int) -> Iterator[Cost]:
    evaluator = Evaluator(awake(policy.modules, policy.data), json.dumps(policy.data))
    for size in (1_000, 20_000):
        for phase in ("a chat request", "a response"):
            document = sample(phase, size)
            name = f"{phase}, {size // 1_000} KB"
            cost = _cost("policy", name, runs, lambda text=document: evaluator.judge(text))  # type: ignore[misc]
            yield replace(cost, on=name)


def _topics(policy: Policy, runs: int) -> Iterator[Cost]:
    """Measure each topic by itself, less what a policy without rules costs."""
    base = replace(
        _asked(policy, None, "1", runs, "base"), kind="base", name="reading and writing JSON"
    )
    yield base
    for topic in _modules(policy):
        yield _less(_asked(policy, topic, "data.helm.rules", runs, "topic"), base)


def _rules(policy: Policy, runs: int) -> Iterator[Cost]:
    """Measure what each topic says, word by word: its deny, its escalate, its rewrite."""
    runs = max(10, runs // 4)
    base = _asked(policy, None, "1", runs, "base")
    for topic, modules in _modules(policy).items():
        words = {word for text in modules.values() for word in _WORD.findall(text)}
        for word in sorted(words):
            cost = _asked(policy, topic, f"data.{topic}.{word}", runs, "rule")
            yield replace(_less(cost, base), name=f"{topic.removeprefix('helm.rules.')}.{word}")


def _modules(policy: Policy) -> dict[str, dict[str, str]]:
    """Return the modules of each topic, by package."""
    found: dict[str, dict[str, str]] = {}
    for file, text in awake(policy.modules, policy.data).items():
        package = package_of(text, file)
        if package.startswith("helm.rules."):
            found.setdefault(package, {})[file] = text
    return dict(sorted(found.items()))


def _asked(policy: Policy, topic: str | None, asked: str, runs: int, kind: str) -> Cost:
    """Measure one question to a policy that has one topic, or none."""
    modules = {
        file: text
        for file, text in awake(policy.modules, policy.data).items()
        if (package := package_of(text, file)) == topic
        or (package.startswith("helm.") and not package.startswith("helm.rules."))
    }
    modules["bench"] = f"package helm\n\ndecision := {asked}\n"
    evaluator = Evaluator(modules, json.dumps(policy.data))
    document = sample("a chat request", 1_000)
    cost = _cost(kind, str(topic), runs, lambda: evaluator.judge(document))
    return replace(cost, on="a chat request, 1 KB")


def _less(cost: Cost, base: Cost) -> Cost:
    return replace(cost, p50=max(0.0, cost.p50 - base.p50), p99=max(0.0, cost.p99 - base.p50))


def _detectors(policy: Policy, runs: int) -> Iterator[Cost]:
    """Measure all detectors, then each less what none costs, over texts that are new to them."""
    whole = json.loads(policy.detectors_text)
    for size in (1_000, 20_000):
        scan = _scan(policy.detectors_text, PROSE, size)
        on = f"{size // 1_000} KB of prose"
        yield replace(_cost("detectors", f"all of them, {on}", runs, scan), on=on)
    on = "1 KB of code and keys"
    scan = _scan(policy.detectors_text, MIXED, 1_000)
    yield replace(_cost("detectors", f"all of them, {on}", runs, scan), on=on)
    base = _cost("base", "no detector", runs, _scan(b"{}", MIXED, 20_000))
    for member in whole["detectors"]:
        one = json.dumps({**whole, "detectors": [member]}).encode()
        cost = _cost("detector", member["name"], runs // 10, _scan(one, MIXED, 20_000))
        yield _less(replace(cost, on="20 KB of code and keys"), base)


def _scan(detectors_text: bytes, pattern: str, size: int) -> Callable[[], object]:
    """Return what scans a text that is another one each time: what was scanned is remembered."""
    detectors = compile_detectors(detectors_text)
    numbers = count()
    body = (pattern * (size // len(pattern) + 1))[: size - 10]
    return lambda: detectors.scan(
        [Text("/messages/0/content", "user", f"{body}{next(numbers):10}")]
    )


def _cost(kind: str, name: str, runs: int, ask: Callable[[], object]) -> Cost:
    times = []
    for _ in range(runs // 10):
        ask()  # the first ones find everything cold
    runs = max(runs, 10)
    for _ in range(runs):
        started = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started) * 1e6)
    times.sort()
    return Cost(kind, name, times[len(times) // 2], times[len(times) * 99 // 100], runs=runs)
