"""The engine in its worker: whatever a policy does there, one call fails and nothing allows."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_boundary.policy.decision import Decision
from helm_boundary.policy.engines.embedded import EmbeddedEngine, start_embedded
from helm_boundary.policy.engines.engine import Turn
from helm_boundary.policy.engines.smoke_test import SAMPLES
from helm_boundary.policy.errors import EngineError, PolicyError
from helm_boundary.policy.sources.policy import read_policy

CHAT = SAMPLES["a chat request"]
ALLOW = 'decision := {"verdict": "ALLOW", "reasons": []}'
# Rules below speak only of a document whose model is "bad", so that the self-test passes.
BAD = 'input.model == "bad"'
LOOP = "count([1 | numbers.range(1, 10000)[_]; numbers.range(1, 10000)[_]]) > 0"
# Each level copies the text twice; the worker's memory limit is reached in well under a second.
GROW = "\n".join(f"f{i + 1}(x) := f{i}(concat(x, [x, x, x]))" for i in range(8))

type Start = Callable[..., EmbeddedEngine]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts engines on policies given as text; close them at the end."""
    engines: list[EmbeddedEngine] = []

    def start_on(rego: str, *, data: str = "{}", deadline_ms: int = 300) -> EmbeddedEngine:
        folder = tmp_path / "policy"
        folder.mkdir(exist_ok=True)
        (folder / "main.rego").write_text(f"package helm\n\n{rego}\n")
        (folder / "data.json").write_text(data)
        engine = start_embedded(read_policy([folder]), deadline_ms=deadline_ms)
        engines.append(engine)
        return engine

    yield start_on
    for engine in engines:
        engine.close()


def document(model: str | None = "good", **changes: Any) -> bytes:
    return json.dumps({**CHAT, "model": model, **changes}).encode()


def test_patience_ends_at_the_deadline(start: Start) -> None:
    """A rule that loops is late for a call that waits on the thread, as for any other."""
    engine = start(f"decision := {{}} if {{ {BAD}; {LOOP} }}\n{ALLOW} if not {BAD}", deadline_ms=50)
    began = time.monotonic()
    with pytest.raises(EngineError, match="within 50 ms"):
        asyncio.run(engine.decide(document("bad"), Turn(0.001)))
    assert time.monotonic() - began < 2
    assert engine.decide_now(document()).verdict == "ALLOW"


def test_the_default_policy_decides() -> None:
    """The shipped policy allows an ordinary chat and names itself."""
    engine = start_embedded(read_policy([]), deadline_ms=1_000)
    try:
        assert engine.decide_now(document("gpt-4.1-mini")) == Decision("ALLOW", ())
        assert engine.decide_now(document("other")).verdict == "DENY"
        assert engine.name.startswith("regorus ")
        assert engine.policy.uri == "helm-boundary:default"
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("rego", "says"),
    [
        ("decision := {", r"main\.rego:\d+"),
        ("decison := {}", "no policy|defines no data.helm.decision|package helm belongs"),
        (f"{ALLOW} if input.model == 5", "undefined"),
        ('decision := {"verdict": "ALLOW"}', "reasons"),
        ("decision := true", "must be an object"),
        ("decision := lower(input.body)", "lower"),
        (f"{ALLOW} if nosuch(1)", r"main\.rego:3: nosuch is not a function"),
        (f"{ALLOW}\nf(x) := f(x)", r"main\.rego:4: f depends on itself"),
        (f"{ALLOW} if http.send({{}})", "http.send is not allowed"),
        (f"{ALLOW} if not {LOOP}", "did not decide within 2000 ms"),
        (f"{ALLOW}\ndefault x := 1\ndefault x := 2", r"main\.rego:5: x has a default already"),
        (f"{ALLOW} if data.nosuch.x", r"data\.nosuch\.x is neither a rule nor in a data file"),
    ],
)
def test_an_unusable_policy_is_refused_at_start(start: Start, rego: str, says: str) -> None:
    """The message says where and what; nothing was ever judged by it."""
    with pytest.raises(PolicyError, match=says):
        start(rego)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (f'else := {{"verdict": "ALLOW"}} if {BAD}', "reasons"),
        (f"else := true if {BAD}", "must be an object"),
        (f"else := lower(input.body) if {BAD}", "lower"),
        (f"else := 1 / (count(input.model) - 3) if {BAD}", "main.rego"),
        (f'else := to_number("x") if {BAD}', "main.rego|number"),
    ],
    ids=["malformed", "wrong type", "raises", "division by zero", "no number"],
)
def test_a_decision_that_fails_is_an_engine_error(start: Start, rule: str, says: str) -> None:
    """Only that call fails; the one after it is judged."""
    engine = start(f'{ALLOW} if input.model != "bad"\n{rule}')
    with pytest.raises(EngineError, match=says):
        engine.decide_now(document("bad"))
    assert engine.decide_now(document()).verdict == "ALLOW"


def test_a_failure_is_an_engine_error_and_poisons_nothing(start: Start) -> None:
    """The engine that failed is thrown away; its worker lives on, and so does the policy."""
    range_too_long = f"else := numbers.range(0, 9223372036854775807) if {BAD}"
    engine = start(f'{ALLOW} if input.model != "bad"\n{range_too_long}')
    worker = worker_of(engine)
    for _ in range(3):
        with pytest.raises(EngineError, match="expected a range of at most"):
            engine.decide_now(document("bad"))
        assert engine.decide_now(document()).verdict == "ALLOW"
    assert worker_of(engine) == worker


def test_undefined_is_an_engine_error(start: Start) -> None:
    """No decision is no ALLOW."""
    engine = start(f'{ALLOW} if input.model != "bad"')
    with pytest.raises(EngineError, match="undefined"):
        engine.decide_now(document("bad"))


def test_an_endless_rule_fails_one_call_at_its_deadline(start: Start) -> None:
    """The call fails when its time is up, and the next one is judged by a new worker."""
    engine = start(f'{ALLOW} if input.model != "bad"\nelse := {{}} if {LOOP}')
    started = time.monotonic()
    with pytest.raises(EngineError, match="did not decide within 300 ms"):
        engine.decide_now(document("bad"))
    assert time.monotonic() - started < 1
    assert engine.decide_now(document()).verdict == "ALLOW"


def test_a_killed_worker_fails_one_call(start: Start) -> None:
    """Calls behind the one that was being judged go to the next worker."""
    engine = start(f'{ALLOW} if input.model != "bad"\nelse := {{}} if {LOOP}', deadline_ms=5_000)

    async def judge_all() -> list[Any]:
        calls = [asyncio.ensure_future(engine.decide(document("bad")))]
        calls += [asyncio.ensure_future(engine.decide(document())) for _ in range(20)]
        await asyncio.sleep(0.2)
        os.kill(worker_of(engine), signal.SIGKILL)
        return await asyncio.gather(*calls, return_exceptions=True)

    first, *others = asyncio.run(judge_all())
    assert isinstance(first, EngineError)
    assert "SIGKILL" in str(first)
    assert [decision.verdict for decision in others] == ["ALLOW"] * 20


def test_a_stack_overflow_fails_one_call(start: Start) -> None:
    """A native crash is a failed call, not a failed boundary."""
    nested = "[" * 120 + "]" * 120
    chain = "\n".join(f"f{i}(x) := f{i + 1}(x)" for i in range(380)) + "\nf380(x) := x"
    engine = start(f'{ALLOW} if input.model != "bad"\nelse := f0(1)\n{chain}')
    with pytest.raises(EngineError):
        engine.decide_now(document("bad"))
    assert engine.decide_now(document(tool_choice=json.loads(nested))).verdict == "ALLOW"


def test_memory_is_limited(start: Start) -> None:
    """A rule that eats memory ends its worker, not the machine."""
    rule = f'else := f8(concat("", [x | numbers.range(1, 100000)[_]; x := input.model])) if {BAD}'
    engine = start(
        f'{ALLOW} if input.model != "bad"\n{rule}\nf0(x) := x\n{GROW}', deadline_ms=20_000
    )
    with pytest.raises(EngineError, match=r"ended with|failed"):
        engine.decide_now(document("bad"))
    assert engine.decide_now(document()).verdict == "ALLOW"


@pytest.mark.parametrize(
    "text", [b"", b"{", b'"\\ud800"', b"[1e999]", b"\xff", b"[" * 5000 + b"]" * 5000]
)
def test_an_invalid_document_is_an_engine_error(start: Start, text: bytes) -> None:
    """Never judged by the input that was there before."""
    engine = start(ALLOW)
    engine.decide_now(document())
    with pytest.raises(EngineError):
        engine.decide_now(text)
    assert engine.decide_now(document()).verdict == "ALLOW"


def test_messages_do_not_quote_the_call(start: Start) -> None:
    """An engine's message stops where it would repeat a value it stumbled over."""
    engine = start(f'{ALLOW} if input.model != "bad"\nelse := to_number(input.provider) if {BAD}')
    with pytest.raises(EngineError) as caught:
        engine.decide_now(document("bad", provider="confidential`words`confidential"))
    assert "confidential" not in str(caught.value)


def test_concurrent_calls_each_get_their_own_answer(start: Start) -> None:
    """Answers are matched to calls, also when decide_now comes in between."""
    reason = '{"code": "C", "rule": input.model, "message": "m", "finality": "ungranted"}'
    engine = start(
        f'decision := {{"verdict": "DENY", "reasons": [{reason}]}} if is_string(input.model)\n'
        f'else := {{"verdict": "DENY", "reasons": [{{"code": "C", "rule": "none", '
        f'"message": "m", "finality": "ungranted"}}]}}',
        deadline_ms=5_000,
    )

    async def judge_all() -> list[str]:
        calls = [asyncio.ensure_future(engine.decide(document(f"m{i}"))) for i in range(200)]
        await asyncio.sleep(0)
        assert engine.decide_now(document("now")).reasons[0].rule == "now"
        return [(await call).reasons[0].rule for call in calls]

    assert asyncio.run(judge_all()) == [f"m{i}" for i in range(200)]


def test_large_documents_go_through_the_pipe(start: Start) -> None:
    """More than a pipe holds at once, several at once, in both ways of asking."""
    engine = start(ALLOW, deadline_ms=10_000)
    large = document(provider="x" * 3_000_000)

    async def judge_all() -> list[Decision]:
        return await asyncio.gather(*[engine.decide(large) for _ in range(4)])

    assert [decision.verdict for decision in asyncio.run(judge_all())] == ["ALLOW"] * 4
    assert engine.decide_now(large).verdict == "ALLOW"


def test_a_cancelled_call_does_not_affect_others(start: Start) -> None:
    """A client that goes away while its call is judged leaves the others alone."""
    engine = start(ALLOW, deadline_ms=5_000)

    async def judge_all() -> str:
        gone = asyncio.ensure_future(engine.decide(document()))
        stays = asyncio.ensure_future(engine.decide(document()))
        await asyncio.sleep(0)
        gone.cancel()
        return (await stays).verdict

    assert asyncio.run(judge_all()) == "ALLOW"


def test_a_busy_loop_kills_no_worker(start: Start) -> None:
    """An answer that came in time counts, though the loop was too busy to take it."""
    engine = start(ALLOW, deadline_ms=100)

    async def judge_while_busy() -> str:
        call = asyncio.ensure_future(engine.decide(document()))
        await asyncio.sleep(0)
        time.sleep(0.5)
        return (await call).verdict

    worker = worker_of(engine)
    assert asyncio.run(judge_while_busy()) == "ALLOW"
    assert worker_of(engine) == worker


def test_an_idle_worker_that_dies_is_replaced(start: Start) -> None:
    """Nobody notices but by its process id."""
    engine = start(ALLOW, deadline_ms=5_000)

    async def judge_twice() -> list[str]:
        first = (await engine.decide(document())).verdict
        os.kill(worker_of(engine), signal.SIGKILL)
        await asyncio.sleep(0.3)
        return [first, (await engine.decide(document())).verdict]

    before = worker_of(engine)
    assert asyncio.run(judge_twice()) == ["ALLOW", "ALLOW"]
    assert worker_of(engine) != before


def test_a_worker_that_cant_be_started_is_an_engine_error(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When no process can be started, every call fails at once; later ones try again."""
    engine = start(ALLOW, deadline_ms=5_000)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as patched:
        patched.setattr("helm_boundary.policy.engines.embedded.WorkerProcess", refuse)
        os.kill(worker_of(engine), signal.SIGKILL)
        for _ in range(3):
            with pytest.raises(EngineError):
                engine.decide_now(document())
            with pytest.raises(EngineError):
                asyncio.run(engine.decide(document()))
    time.sleep(1.1)
    assert engine.decide_now(document()).verdict == "ALLOW"


def test_a_call_whose_client_has_gone_is_not_in_flight_for_ever(start: Start) -> None:
    """Otherwise a pool would pass its worker over."""
    engine = start(ALLOW, deadline_ms=5_000)

    async def leave() -> list[int]:
        gone = asyncio.ensure_future(engine.decide(document()))
        await asyncio.sleep(0)
        before = engine.in_flight
        gone.cancel()
        await engine.decide(document())
        return [before, engine.in_flight]

    assert asyncio.run(leave()) == [1, 0]


def test_a_closed_engine_decides_nothing(start: Start) -> None:
    """After close, and for calls in flight at close: an error, and no process left."""
    engine = start(ALLOW)
    worker = worker_of(engine)
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.decide_now(document())
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def worker_of(engine: EmbeddedEngine) -> int:
    assert engine._worker is not None
    return engine._worker.pid


MEGABYTES = document(texts=["a large document " * 100] * 5_000)


def test_the_deadline_counts_what_policy_takes_and_not_the_size(start: Start) -> None:
    """Megabytes take longer to come and to be read than a policy that looks at them."""
    engine = start(f"{ALLOW} if count(input.texts) > 0", deadline_ms=20)
    for _ in range(3):
        assert engine.decide_now(MEGABYTES).verdict == "ALLOW"


def test_an_endless_rule_about_a_large_document_ends_at_the_deadline(start: Start) -> None:
    """What it may take to be read doesn't count for the policy."""
    engine = start(f"decision := {{}} if {{ {BAD}; {LOOP} }}\n{ALLOW} if not {BAD}", deadline_ms=50)
    began = time.monotonic()
    with pytest.raises(EngineError, match="did not decide within 50 ms"):
        engine.decide_now(document("bad", texts=["a large document " * 100] * 10_000))
    assert time.monotonic() - began < 10
    assert engine.decide_now(document()).verdict == "ALLOW"
