"""The cost of a policy, whole and by its parts: ``policy bench``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from helm_boundary.calls.call import Text
from helm_boundary.policy.detectors.detectors import compile_detectors
from helm_boundary.policy.engines.embedded import start_embedded
from helm_boundary.policy.engines.evaluator import Evaluator
from helm_boundary.policy.engines.smoke_test import SAMPLES
from helm_boundary.policy.sources.dormant_topics import awake
from helm_boundary.policy.sources.folder import package_of
from helm_boundary.policy.sources.policy import Policy

PROSE = "Please explain what this function does, and why the test in line 42 is flaky. "


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of one part: ``kind`` is policy, topic, base or detector."""

    kind: str
    name: str
    p50: float
    p99: float


def measure(policy: Policy, runs: int) -> list[Cost]:
    """Measure the policy in this process, once it has been tried in one of its own."""
    start_embedded(policy, deadline_ms=5_000).close()
    return [*_whole(policy, runs), *_topics(policy, runs), *_detectors(policy, runs)]


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
            yield _cost("policy", name, runs, lambda text=document: evaluator.judge(text))  # type: ignore[misc]


def _topics(policy: Policy, runs: int) -> Iterator[Cost]:
    """Measure each topic by itself, less what a policy without rules costs."""
    document = sample("a chat request", 1_000)
    data = json.dumps(policy.data)
    modules = awake(policy.modules, policy.data)
    packages = {file: package_of(text, file) for file, text in modules.items()}
    others = {
        file: text
        for file, text in modules.items()
        if packages[file].startswith("helm.") and not packages[file].startswith("helm.rules.")
    }
    topics = sorted({name for name in packages.values() if name.startswith("helm.rules.")})
    base = Cost("base", "", 0.0, 0.0)
    for topic in (None, *topics):
        mine = {file: text for file, text in modules.items() if packages[file] == topic}
        asked = "data.helm.rules" if topic else "1"
        evaluator = Evaluator(
            {**others, **mine, "bench": f"package helm\n\ndecision := {asked}\n"}, data
        )
        cost = _cost("topic", str(topic), runs, lambda e=evaluator: e.judge(document))  # type: ignore[misc]
        if topic is None:
            base = replace(cost, kind="base", name="reading and writing JSON")
            yield base
        else:
            net50, net99 = max(0.0, cost.p50 - base.p50), max(0.0, cost.p99 - base.p99)
            yield replace(cost, p50=net50, p99=net99)


def _detectors(policy: Policy, runs: int) -> Iterator[Cost]:
    detectors = compile_detectors(policy.detectors_text)
    text = [Text("/messages/0/content", "user", (PROSE * 14)[:1_000])]
    yield _cost("detectors", "all of them, 1 KB", runs, lambda: detectors.scan(text))
    for member in json.loads(policy.detectors_text)["detectors"]:
        one = compile_detectors(json.dumps({"detectors": [member]}).encode())
        yield _cost("detector", member["name"], runs // 10, lambda d=one: d.scan(text))  # type: ignore[misc]


def _cost(kind: str, name: str, runs: int, ask: Callable[[], object]) -> Cost:
    times = []
    for _ in range(runs // 10):
        ask()  # the first ones find everything cold
    for _ in range(max(runs, 10)):
        started = time.perf_counter()
        ask()
        times.append((time.perf_counter() - started) * 1e6)
    times.sort()
    return Cost(kind, name, times[len(times) // 2], times[len(times) * 99 // 100])
