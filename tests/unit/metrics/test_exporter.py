"""Metrics in this process: what is counted of receipts, and which names are labels."""

from __future__ import annotations

import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from helm_boundary.metrics.exporter import Exporter
from helm_boundary.policy.sources.policy import read_policy
from helm_boundary.runtime.label_names import label_names
from helm_boundary.runtime.labels import Labels
from support import receipts
from support.approvals import until, write_policy
from support.engines import State


def test_receipts_are_counted_as_they_come(any_state: State) -> None:
    """Those that were there before aren't."""
    receipts.record_calls(calls=3, **any_state.recorded)
    exporter = Exporter(any_state.shared, ("127.0.0.1", 0)).start()
    try:
        url = f"http://127.0.0.1:{exporter.port}/metrics"

        def text() -> str:
            with urllib.request.urlopen(url, timeout=10) as response:
                return str(response.read().decode())

        until(lambda: exporter.is_counting or None)
        receipts.record_calls(calls=2, **any_state.recorded)
        any_state.folder()  # and the log has come as far
        wanted = 'helm_boundary_receipts_total{kind="outcome"} 2.0'
        found = until(lambda: told if wanted in (told := text()) else None)
        assert 'helm_boundary_tokens_total{direction="output",model="other",' in found
        assert 'helm_boundary_calls_total{end="complete"} 2.0' in found
        assert f"helm_boundary_log_size {14 + any_state.registrations}.0" in found
        assert 'helm_boundary_dropped_total{what="receipts"} 0.0' in found
        assert 'helm_boundary_dropped_total{what="spans"} 0.0' in found
    finally:
        exporter.close()


def test_labels_are_names_of_the_policy(tmp_path: Path) -> None:
    """Of rules, codes and models; everything else is `other`."""
    policy = read_policy([write_policy(tmp_path / "policy")])
    labels = Labels()
    labels.learn(label_names(policy))
    assert label_names(replace(policy)) is label_names(policy)  # made once for each digest
    assert labels.model("gpt-4o-mini") == "gpt-4*"
    assert labels.model("whisper-1") == "whisper-1"
    assert labels.model("made-up") == "other"
    assert labels.model(None) == "none"
    assert labels.operation("createChatCompletion") == "createChatCompletion"
    assert labels.operation("made-up") == labels.operation(None) == "other"
    assert labels.provider("api.openai.com:443") == "openai"
    assert labels.provider("made-up.example:443") == labels.provider(None) == "other"
    codes, rules = " POLICY_VIOLATION MADE_UP ", " deny.never made.up "
    assert list(labels.reasons(codes, rules)) == [
        ("POLICY_VIOLATION", "deny.never"),
        ("other", "other"),
    ]
    reasons = list(labels.reasons(" X ", " secrets.request "))
    assert reasons == [("other", "secrets.request")]


@pytest.mark.parametrize("data", [{}, {"models": []}, {"models": {"allow": "x"}}])
def test_a_policy_without_models_has_no_models(data: dict[str, object]) -> None:
    """Or with something else in their place."""
    policy = replace(read_policy([]), data=data, digest=repr(data))
    assert label_names(policy)["models"] == []
