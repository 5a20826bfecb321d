"""A policy changes under a running boundary: aside, whole, or not at all."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from helm_boundary.policy.authoring.bench import sample
from helm_boundary.policy.engines.embedded import start_embedded
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.reload.watch import Change, PolicyWatch, load_aside
from helm_boundary.policy.sources.policy import read_policy

DOCUMENT = sample("a chat request", 100)


def allow(folder: Path, model: str, name: str = "data.yaml") -> Path:
    folder.mkdir(exist_ok=True)
    text = f"models: {{allow: [{model}], allow_prefixes: []}}\n"
    (folder / name).write_text(text)
    return folder


async def next_change(changes: AsyncIterator[Change | PolicyError]) -> Change | PolicyError:
    return await asyncio.wait_for(anext(changes), 20)


def test_changes_are_tested_and_errors_are_reported(tmp_path: Path) -> None:
    """Good, bad, the same again, good: three changes, each what it is."""
    folder = allow(tmp_path / "policy", "other")
    policy = read_policy([folder])
    watch = PolicyWatch([folder], digest=policy.digest, deadline_ms=1_000, seconds=0.05)

    async def follow() -> None:
        changes = watch.changes()
        first = asyncio.ensure_future(next_change(changes))
        await asyncio.sleep(0.1)
        allow(folder, "gpt-4.1-mini")
        good = await first
        assert isinstance(good, Change)
        assert (await good.engine.decide(DOCUMENT)).verdict == "ALLOW"
        assert good.engine.policy.digest == read_policy([folder]).digest
        assert "secret.github" in good.detectors.names

        (folder / "bad.rego").write_text("package helm.rules.bad\n\ndeny contains {\n")
        bad = await next_change(changes)
        assert isinstance(bad, PolicyError)
        assert "bad.rego:" in str(bad)
        assert (await good.engine.decide(DOCUMENT)).verdict == "ALLOW"

        (folder / "bad.rego").unlink()  # as it was: what decides has not changed
        waiting = asyncio.ensure_future(next_change(changes))
        await asyncio.sleep(0.5)
        allow(folder, "third")
        third = await waiting
        assert isinstance(third, Change)
        assert (await third.engine.decide(DOCUMENT)).verdict == "DENY"
        for change in (good, third):
            change.engine.close()

    asyncio.run(follow())


def test_a_change_that_was_not_applied_is_offered_again(tmp_path: Path) -> None:
    """Nobody has to edit the folder once more because its receipt couldn't be written."""
    folder = allow(tmp_path / "policy", "other")
    digest = read_policy([folder]).digest
    watch = PolicyWatch([folder], digest=digest, deadline_ms=1_000, seconds=0.05)

    async def follow() -> None:
        changes = watch.changes()
        first = asyncio.ensure_future(next_change(changes))
        await asyncio.sleep(0.1)
        allow(folder, "gpt-4.1-mini")
        for change in (await first, None):
            change = change or await next_change(changes)
            assert isinstance(change, Change)
            assert change.engine.policy.digest != digest
            change.engine.close()
            watch.take_back(digest)

    asyncio.run(follow())


@pytest.mark.parametrize("gone", ["folder", "files"])
def test_a_removed_policy_is_an_error(tmp_path: Path, gone: str) -> None:
    """Never the default policy in its place."""
    folder = allow(tmp_path / "policy", "other")
    (folder / "data.yaml").unlink()
    if gone == "folder":
        folder.rmdir()
    with pytest.raises(PolicyError, match=r"nothing there|holds no policy"):
        load_aside([folder], 1_000)


def test_a_policy_that_fails_its_trial_is_an_error(tmp_path: Path) -> None:
    """Compiles, but has no decision: refused, and its worker is gone."""
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "main.rego").write_text("package helm\n\ndecision := 1 if input.model == 5\n")
    with pytest.raises(PolicyError, match="undefined"):
        load_aside([folder], 1_000)


def test_touching_a_file_is_no_change(tmp_path: Path) -> None:
    """The same bytes with a new time are the same policy."""
    folder = allow(tmp_path / "policy", "other")
    digest = read_policy([folder]).digest
    os.utime(folder / "data.yaml", (1, 1))
    assert load_aside([folder], 1_000, unless=digest) is None


def test_what_the_boundary_reads_of_the_data_comes_along(tmp_path: Path) -> None:
    """Shells, servers and budgets are not forgotten when the policy changes."""
    folder = allow(tmp_path / "policy", "other")
    with (folder / "data.yaml").open("a") as file:
        file.write(
            "tools: {shell: {Bash: command}}\n"
            "mcp: {servers: {notes: ['https://notes.example/mcp']}}\n"
            "budgets: {all: {limit: {calls: 5}}}\n"
        )
    change = load_aside([folder], 2_000)
    assert change is not None
    change.engine.close()
    assert change.engine.policy.own_data == read_policy([folder]).own_data
    assert set(change.engine.policy.own_data) >= {"budgets", "mcp", "tools"}


def test_calls_go_on_while_a_large_policy_loads(tmp_path: Path) -> None:
    """Five megabytes of data are read elsewhere; the loop is never held up for long."""
    folder = allow(tmp_path / "policy", "gpt-4.1-mini")
    (folder / "table").mkdir()
    rows = {str(i): {"a": i, "b": "x" * 20} for i in range(100_000)}
    (folder / "table" / "data.json").write_text(json.dumps(rows))
    engine = start_embedded(read_policy([]), deadline_ms=5_000)

    async def judge_meanwhile() -> list[float]:
        loading = asyncio.ensure_future(asyncio.to_thread(load_aside, [folder], 5_000))
        pauses = []
        while not loading.done():
            started = time.perf_counter()
            await asyncio.sleep(0.001)
            pauses.append(time.perf_counter() - started - 0.001)
            assert (await engine.decide(DOCUMENT)).verdict == "ALLOW"
        change = await loading
        assert change is not None
        assert (await change.engine.decide(DOCUMENT)).verdict == "ALLOW"
        change.engine.close()
        return sorted(pauses)

    pauses = asyncio.run(judge_meanwhile())
    engine.close()
    print(f"\nloop held up: p99 {pauses[len(pauses) * 99 // 100] * 1e3:.1f} ms")
    # The machine is shared; reading here would take 100 ms and more.
    assert pauses[len(pauses) * 9 // 10] < 0.03
