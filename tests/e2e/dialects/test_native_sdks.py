"""Providers' own SDKs with their own APIs: allowed unchanged, denied whole and inside a stream.

They are installed by `scripts/clients natives`, and skipped where that was not run.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from support.installed import PROGRAMS, installed
from support.native_apis import answer
from support.scene import Scene, scene

RAISED = {
    "cohere": ("ForbiddenError", None),  # its stream ends with finish_reason ERROR
    "dashscope": ("RuntimeError", "RuntimeError"),
    "gemini": ("ClientError", "ClientError"),
    "mistral": ("SDKError", "RuntimeError"),
    "ollama": ("ResponseError", "ResponseError"),
    "vertex": ("PermissionDeniedError", "APIStatusError"),
}
"""What each SDK raises for a denied answer, and for a denied call inside a stream."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a reverse proxy before a server that speaks all of these APIs."""
    with scene(tmp_path_factory.mktemp("natives")) as shared:
        shared.upstream.answer(answer)
        yield shared


def run(stage: Scene, sdk: str, folder: Path) -> list[dict[str, object]]:
    """Run an SDK's program and return what it printed."""
    python = installed("natives", "bin", "python")
    command = [str(python), str(PROGRAMS / "native_sdks.py"), sdk, stage.boundary.url]
    done = subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(said) == 4, done
    return said


@pytest.mark.parametrize("sdk", RAISED)
def test_an_sdk_gets_what_is_allowed_and_raises_what_isnt(
    stage: Scene, sdk: str, tmp_path: Path
) -> None:
    """Nothing of a denied call reaches the program, and receipts count the tokens."""
    before = len(list(read_records(Layout(stage.boundary.state).journal)))
    said = run(stage, sdk, tmp_path)
    allowed, denied = said[::2], said[1::2]
    for each in allowed:
        assert {*each["told"]} == {"look"}, said  # type: ignore[misc]
        assert "error" not in each, said
    assert [each.get("error") for each in denied] == list(RAISED[sdk]), said
    assert [each["told"] for each in denied] == [[], []]
    records = list(read_records(Layout(stage.boundary.state).journal))[before:]
    outcomes = [r.predicate for r in records if r.predicate["phase"] == "outcome"]
    assert [each["verdict"] for each in outcomes] == ["ALLOW", "DENY", "ALLOW", "DENY"]
    for each in outcomes[::2]:
        told: Any = each["outcome"]
        counted = told["usage"]
        assert (counted["inputTokens"], counted["outputTokens"]) == (5, 2), counted


def test_code_that_is_filled_in_is_read_in_both_shapes(stage: Scene, tmp_path: Path) -> None:
    """Mistral's FIM answers with a chat's choices."""
    said = run(stage, "fim", tmp_path)
    assert [each["told"] for each in said] == [["look"], ["forbidden"]] * 2
