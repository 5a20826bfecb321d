"""Topics that are switched off by the data cost nothing and are still held to everything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helm_boundary.policy.authoring.bench import sample
from helm_boundary.policy.engines.embedded import start_embedded
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.dormant_topics import awake
from helm_boundary.policy.sources.policy import Policy, read_policy


def topics(policy: Policy) -> set[str]:
    return {Path(file).stem for file in awake(policy.modules, policy.data)}


def own(folder: Path, data: str, **modules: str) -> Policy:
    (folder / "data.yaml").write_text(data)
    for name, text in modules.items():
        (folder / f"{name}.rego").write_text(text)
    return read_policy([folder])


def test_limits_are_off_by_default() -> None:
    """What has a limit to check is evaluated, what has none isn't."""
    off = {"hosts", "residency", "hours", "attachments", "parameters"}
    assert not off & topics(read_policy([]))
    assert {"main", "models", "operations", "secrets", "personal", "tools", "injection"} <= topics(
        read_policy([])
    )


@pytest.mark.parametrize(
    ("data", "topic"),
    [
        ("hosts: {allow: []}", "hosts"),
        ("hosts: {allow: null}", ""),
        ("hosts: {allow: [api.openai.com]}", "hosts"),
        ("residency: {allow: [eu]}", "residency"),
        ("hours: {days: [Monday], from: 8, to: 18, timezone: UTC}", "hours"),
        ("attachments: {max_bytes: 1}", "attachments"),
        ("attachments: {types: [image/]}", "attachments"),
        ("parameters: {max: {n: 1}}", "parameters"),
        ("parameters: {forbid: {store: [true]}}", "parameters"),
    ],
)
def test_a_setting_switches_its_topic_on(tmp_path: Path, data: str, topic: str) -> None:
    """And only it."""
    woken = topics(own(tmp_path, data)) - topics(read_policy([]))
    assert woken == {topic} - {""}


def test_an_empty_list_of_hosts_still_denies(tmp_path: Path) -> None:
    """An empty list allows no host, which is a limit: it must not count as none."""
    engine = start_embedded(own(tmp_path, "hosts: {allow: []}"), deadline_ms=2_000)
    try:
        assert engine.decide_now(sample("a chat request", 10)).verdict == "DENY"
    finally:
        engine.close()


def test_a_topic_that_is_off_is_still_linted(tmp_path: Path) -> None:
    """It must not be found broken on the day it is switched on."""
    text = (
        "# METADATA\n# custom:\n#   off_unless: [mine.list]\npackage helm.rules.mine\n\n"
        'deny contains {"rule": "mine"} if nosuch(data.mine.list)\n'
    )
    policy = own(tmp_path, "mine: {list: null}", mine=text)
    assert "mine" not in topics(policy)
    with pytest.raises(PolicyError, match=r"mine\.rego:6: nosuch is not a function"):
        start_embedded(policy, deadline_ms=2_000)


def test_a_topic_that_others_use_stays(tmp_path: Path) -> None:
    """Whoever names its package gets its rules."""
    text = (
        "package helm.rules.mine\n\n"
        'deny contains {"rule": "mine"} if count(data.helm.rules.hours.escalate) > 5\n'
    )
    assert "hours" in topics(own(tmp_path, "x: 1", mine=text))


def test_unmarked_modules_are_always_evaluated(tmp_path: Path) -> None:
    """A module without the mark is always evaluated, whatever is in the data."""
    text = "package helm.rules.mine\n\ndeny contains 1 if data.mine.list == null\n"
    policy = own(tmp_path, json.dumps({"mine": {"list": None}}), mine=text)
    assert "mine" in topics(policy)
