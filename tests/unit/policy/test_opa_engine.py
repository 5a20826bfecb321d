"""An OPA of ours as the engine: the same decisions, and it is there again whatever ends it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helm_boundary.policy.engines.embedded import start_embedded
from helm_boundary.policy.engines.engine import Engine
from helm_boundary.policy.engines.opa_engine import OpaEngine, start_opa
from helm_boundary.policy.engines.smoke_test import SAMPLES
from helm_boundary.policy.errors import EngineError, PolicyError
from helm_boundary.policy.reload.watch import load_aside
from helm_boundary.policy.sources.policy import mentions_models, read_policy
from support.verifiers import opa

DOCUMENTS = [json.dumps(document).encode() for document in SAMPLES.values()]


@pytest.fixture(autouse=True)
def on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(opa()).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def engine() -> Iterator[OpaEngine]:
    started = start_opa(read_policy([]), deadline_ms=2_000)
    assert isinstance(started, OpaEngine)
    yield started
    started.close()


def own(folder: Path, decision: str) -> Path:
    (folder / "main.rego").write_text(f"package helm\n\n{decision}\n")
    return folder


def soon(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def group_of(engine: OpaEngine) -> int:
    """Return the process group that the engine's OPA runs in now."""
    return engine._running.process.pid


def test_it_decides_as_the_embedded_engine_does(engine: OpaEngine) -> None:
    """Whole decisions, asked one at a time and at once."""
    embedded = start_embedded(read_policy([]), deadline_ms=2_000)
    expected = [embedded.decide_now(document) for document in DOCUMENTS]
    embedded.close()
    assert [engine.decide_now(document) for document in DOCUMENTS] == expected

    async def at_once() -> list[object]:
        return list(await asyncio.gather(*map(engine.decide, DOCUMENTS * 5)))

    assert asyncio.run(at_once()) == expected * 5
    assert engine.name.startswith("opa 1.")


@pytest.mark.parametrize("ask", ["now", "later"])
def test_one_that_was_killed_is_replaced_for_the_next_call(engine: OpaEngine, ask: str) -> None:
    """The call waits for it, and is answered."""
    before = group_of(engine)
    os.killpg(before, signal.SIGKILL)
    if ask == "now":
        decision = engine.decide_now(DOCUMENTS[0])
    else:
        decision = asyncio.run(engine.decide(DOCUMENTS[0]))
    assert decision.verdict == "ALLOW"
    assert group_of(engine) != before


def test_one_that_was_killed_is_replaced_without_a_call(engine: OpaEngine) -> None:
    """Somebody looks after it."""
    before = group_of(engine)
    os.killpg(before, signal.SIGKILL)
    soon(lambda: group_of(engine) != before)
    assert engine.decide_now(DOCUMENTS[0]).verdict == "ALLOW"


def test_one_that_is_late_is_an_error_and_replaced() -> None:
    """The deadline holds, and what hangs is gone with what it hung on."""
    engine = start_opa(read_policy([]), deadline_ms=300)
    assert isinstance(engine, OpaEngine)
    try:
        before = group_of(engine)
        os.killpg(before, signal.SIGSTOP)
        time.sleep(0.2)  # until each of its threads has stopped
        started = time.monotonic()
        with pytest.raises(EngineError, match="within 300 ms"):
            engine.decide_now(DOCUMENTS[0])
        assert time.monotonic() - started < 2
        soon(lambda: group_of(engine) != before)
        soon(lambda: _allows(engine))  # a machine that is busy may be late once more
        soon(lambda: not _is_there(before))
    finally:
        engine.close()


def test_nothing_stays_behind_when_it_is_closed(engine: OpaEngine) -> None:
    """No process, no folder, and no decision."""
    group = group_of(engine)
    folder = engine._running.process._folder
    assert folder.exists()
    engine.close()
    assert not folder.exists()
    soon(lambda: not _is_there(group))
    with pytest.raises(EngineError, match="closed"):
        engine.decide_now(DOCUMENTS[0])


def test_what_the_embedded_engine_lacks_may_be_used(tmp_path: Path) -> None:
    """Everything that policies may do in OPA works there."""
    decision = (
        'decision := {"verdict": v, "reasons": []} if {\n'
        '\tv := {true: "ALLOW"}[glob.match("api.*.com", ["."], "api.openai.com")]\n}'
    )
    policy = read_policy([own(tmp_path, decision)])
    with pytest.raises(PolicyError, match=r"glob\.match is not allowed"):
        start_embedded(policy, deadline_ms=1_000)
    engine = start_opa(policy, deadline_ms=1_000)
    assert engine.decide_now(DOCUMENTS[0]).verdict == "ALLOW"
    engine.close()


@pytest.mark.parametrize(
    ("decision", "says"),
    [
        ('decision := http.send({"url": "http://x", "method": "get"})', "undefined function http"),
        ("decision := time.now_ns()", "main.rego:3: undefined function time.now_ns"),
        ("decision := {", "main.rego:4: unexpected eof"),
        ("decision := 1", "no decision on a chat request"),
        ("decision := {} if input.nothing", "no decision on a chat request"),
    ],
)
def test_a_policy_that_can_not_be_used_is_refused(tmp_path: Path, decision: str, says: str) -> None:
    """With the file and the line where OPA names them; also what reaches out."""
    policy = read_policy([own(tmp_path, decision)])
    with pytest.raises(PolicyError) as refused:
        start_opa(policy, deadline_ms=1_000)
    assert says in str(refused.value)


def test_without_an_opa_it_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not some other engine in its place."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PolicyError, match="there is no `opa` on PATH"):
        start_opa(read_policy([]), deadline_ms=1_000)


@pytest.mark.parametrize("start", [start_embedded, start_opa])
def test_a_changed_policy_is_tried_in_an_engine_of_the_same_kind(
    tmp_path: Path, start: Callable[..., Engine]
) -> None:
    """It has its modules: what its rules read decides what is asked of a call."""
    (tmp_path / "data.yaml").write_text("models: {allow: [gpt-4.1-mini]}\n")
    change = load_aside([tmp_path], 2_000, start=start)
    assert change is not None
    try:
        assert change.engine.decide_now(DOCUMENTS[0]).verdict == "ALLOW"
        assert change.engine.policy.digest == read_policy([tmp_path]).digest
        assert mentions_models(change.engine.policy)
    finally:
        change.engine.close()


def _allows(engine: OpaEngine) -> bool:
    try:
        return engine.decide_now(DOCUMENTS[0]).verdict == "ALLOW"
    except EngineError:
        return False


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_topic_that_settings_switch_off_is_off_in_both_engines(tmp_path: Path) -> None:
    """Whatever documents hold, it has nothing to say."""
    folder = tmp_path / "shouts"
    folder.mkdir()
    (folder / "shouts.rego").write_text(
        """# METADATA
# title: Shouts
# custom:
#   off_unless: [shouts.most]
package helm.rules.shouts

# METADATA
# title: Too loud
# custom: {id: shouts.loud, code: POLICY_VIOLATION, finality: instance_parameter, severity: low}
deny contains {
	"rule": "shouts.loud",
	"code": "POLICY_VIOLATION",
	"message": "Too loud.",
	"finality": "instance_parameter",
} if {
	input.phase == "request"
}
"""
    )
    document = json.dumps(next(s for s in SAMPLES.values() if s["phase"] == "request")).encode()
    for settings, verdict in (("shouts: {}", "ALLOW"), ("shouts: {most: 3}", "DENY")):
        (folder / "data.yaml").write_text(settings)
        policy = read_policy([folder])
        for start in (start_embedded, start_opa):
            judge = start(policy, deadline_ms=2_000)
            try:
                assert judge.decide_now(document).verdict == verdict
            finally:
                judge.close()
