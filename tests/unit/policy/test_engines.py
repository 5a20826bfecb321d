"""Engines made of engines: several workers, and a candidate beside the enforced policy."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_boundary.policy.authoring.bench import sample
from helm_boundary.policy.decision import Decision
from helm_boundary.policy.engines import call_queue
from helm_boundary.policy.engines.candidate import FAILED, WithCandidate
from helm_boundary.policy.engines.embedded import EmbeddedEngine, start_embedded
from helm_boundary.policy.engines.pool import Pool, start_engine
from helm_boundary.policy.engines.smoke_test import SAMPLES
from helm_boundary.policy.errors import EngineError, PolicyError
from helm_boundary.policy.sources.policy import read_policy

DOCUMENT = sample("a chat request", 100)
REASON = '{"code": "C", "rule": "r", "message": "m", "finality": "ungranted"}'
ALLOW = 'decision := {"verdict": "ALLOW", "reasons": []}'
DENY = f'decision := {{"verdict": "DENY", "reasons": [{REASON}]}}'
LOOP = "count([1 | numbers.range(1, 10000)[_]; numbers.range(1, 10000)[_]]) > 0"


def engine_of(folder: Path, rego: str, deadline_ms: int = 1_000) -> EmbeddedEngine:
    folder.mkdir()
    (folder / "main.rego").write_text(f"package helm\n\n{rego}\n")
    return start_embedded(read_policy([folder]), deadline_ms=deadline_ms)


@pytest.fixture
def pool() -> Iterator[Any]:
    engine = start_engine(read_policy([]), deadline_ms=5_000, workers=3)
    yield engine
    engine.close()


def test_a_pool_answers_every_call(pool: Pool) -> None:
    """Calls are spread, each gets its own answer, and decide_now may come in between."""

    async def judge_all() -> list[str]:
        models = ["gpt-4.1-mini", "other"] * 50
        calls = [
            asyncio.ensure_future(
                pool.decide(json.dumps({**SAMPLES["a chat request"], "model": model}).encode())
            )
            for model in models
        ]
        await asyncio.sleep(0)
        assert pool.decide_now(DOCUMENT).verdict == "ALLOW"
        return [(await call).verdict for call in calls]

    assert asyncio.run(judge_all()) == ["ALLOW", "DENY"] * 50


def test_a_pool_uses_the_least_busy_worker(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next call goes to whoever has least to do, while nobody is slow."""
    monkeypatch.setattr(call_queue, "SLOW_SECONDS", 60.0)
    for engine in pool._engines:
        engine.wait_until_ready()

    async def judge_some() -> list[int]:
        calls = [asyncio.ensure_future(pool.decide(DOCUMENT)) for _ in range(9)]
        await asyncio.sleep(0)
        spread = [engine.in_flight for engine in pool._engines]
        await asyncio.gather(*calls)
        return spread

    assert asyncio.run(judge_some()) == [3, 3, 3]


@pytest.fixture
def lone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """Start a pool with one core for policy, which never ends for the model `slow`."""
    rego = f'{ALLOW} if input.model != "slow"\nelse := 1 if {LOOP}'
    (tmp_path / "main.rego").write_text(f"package helm\n\n{rego}\n")
    monkeypatch.setattr("helm_boundary.policy.engines.pool.cores", lambda: 2)
    pool = start_engine(read_policy([tmp_path]), deadline_ms=800)
    assert isinstance(pool, Pool)
    yield pool
    pool.close()


SLOW, FAST = (
    json.dumps({**SAMPLES["a chat request"], "model": model}).encode() for model in ("slow", "fast")
)


async def _begin_slow(pool: Pool) -> asyncio.Future[Decision]:
    """Begin the call that takes long, with the spare worker at hand."""
    await pool.decide(FAST)
    while pool._spare.is_slow:  # until it has started
        await asyncio.sleep(0.01)
    return asyncio.ensure_future(pool.decide(SLOW))


async def _judge_fast(pool: Pool) -> float:
    """Have a few calls judged; returns how long that took."""
    began = time.perf_counter()
    calls = (pool.decide(FAST) for _ in range(4))
    assert {each.verdict for each in await asyncio.gather(*calls)} == {"ALLOW"}
    return time.perf_counter() - began


def test_a_slow_call_holds_up_no_other(lone: Pool) -> None:
    """While the only worker is at it, the spare one judges what comes."""

    async def judge() -> list[float]:
        late = await _begin_slow(lone)
        await asyncio.sleep(0.05)
        times = []
        while not late.done():
            times.append(await _judge_fast(lone))
        with pytest.raises(EngineError, match="within 800 ms"):
            await late
        return times

    times = sorted(asyncio.run(judge()))
    assert len(times) > 3  # behind the slow call it would be one
    assert times[len(times) // 2] < 0.2


def test_what_waits_behind_a_call_that_turns_out_slow_goes_elsewhere(lone: Pool) -> None:
    """Calls that came in its first milliseconds are judged long before its time is up."""

    async def judge() -> float:
        late = await _begin_slow(lone)
        await asyncio.sleep(0)  # it is the worker's; nobody knows yet that it is slow
        took = await _judge_fast(lone)
        assert not late.done()
        with pytest.raises(EngineError, match="within 800 ms"):
            await late
        assert await _judge_fast(lone) < 5
        return took

    assert asyncio.run(judge()) < 0.4


def test_each_of_many_calls_that_move_gets_its_own_answer(lone: Pool) -> None:
    """A slow one among them fails by its own deadline; the others are answered."""

    async def judge() -> list[Decision | BaseException]:
        late = await _begin_slow(lone)
        await asyncio.sleep(0)
        documents = [FAST, SLOW, FAST, FAST]
        calls = [asyncio.ensure_future(lone.decide(each)) for each in documents]
        return await asyncio.gather(late, *calls, return_exceptions=True)

    verdicts = [getattr(each, "verdict", "failed") for each in asyncio.run(judge())]
    assert verdicts == ["failed", "ALLOW", "failed", "ALLOW", "ALLOW"]


def test_a_pool_closes_every_worker(pool: Pool) -> None:
    """No worker is left."""
    pool.close()
    with pytest.raises(EngineError, match="closed"):
        pool.decide_now(DOCUMENT)


def test_a_pool_of_a_bad_policy_does_not_start(tmp_path: Path) -> None:
    """The first worker's trial is everybody's."""
    (tmp_path / "x.rego").write_text("package helm.rules.x\n\ndeny contains nosuch(1)\n")
    with pytest.raises(PolicyError, match="nosuch"):
        start_engine(read_policy([tmp_path]), deadline_ms=1_000, workers=2)


@pytest.mark.parametrize(
    ("enforced", "candidate", "verdict", "opinion"),
    [
        (ALLOW, DENY, "ALLOW", "DENY"),
        (DENY, ALLOW, "DENY", "ALLOW"),
        (ALLOW, f'{ALLOW} if input.model != "gpt-4.1"', "ALLOW", FAILED),
        (ALLOW, f'{ALLOW} if input.model != "gpt-4.1"\nelse := 1 if {LOOP}', "ALLOW", FAILED),
    ],
    ids=["would deny", "would allow", "undefined", "endless"],
)
def test_a_candidates_verdict_is_recorded_without_effect(
    tmp_path: Path, enforced: str, candidate: str, verdict: str, opinion: str
) -> None:
    """Its verdict is noted and never in effect, and neither is its failure."""
    engine = WithCandidate(
        engine_of(tmp_path / "enforced", enforced), engine_of(tmp_path / "new", candidate, 200)
    )
    document = json.dumps({**SAMPLES["a chat request"], "model": "gpt-4.1"}).encode()
    try:
        for decision in (engine.decide_now(document), asyncio.run(engine.decide(document))):
            assert (decision.verdict, decision.candidate) == (verdict, opinion)
        assert engine.policy.digest != engine.candidate.digest
    finally:
        engine.close()


def test_a_candidate_does_not_replace_a_failing_policy(tmp_path: Path) -> None:
    """A candidate that would allow doesn't help."""
    engine = WithCandidate(
        engine_of(tmp_path / "enforced", f'{ALLOW} if input.model != "bad"'),
        engine_of(tmp_path / "new", ALLOW),
    )
    document = json.dumps({**SAMPLES["a chat request"], "model": "bad"}).encode()
    try:
        with pytest.raises(EngineError, match="undefined"):
            engine.decide_now(document)
        with pytest.raises(EngineError, match="undefined"):
            asyncio.run(engine.decide(document))
    finally:
        engine.close()
