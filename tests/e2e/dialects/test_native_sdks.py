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
from support.native_apis import answer, words
from support.scene import Scene, scene

RAISED = {
    "cohere": ("ForbiddenError", None),  # its stream ends with finish_reason ERROR
    "dashscope": ("RuntimeError", "RuntimeError"),
    "gemini": ("ClientError", "ClientError"),
    "mistral": ("SDKError", "RuntimeError"),
    "ollama": ("ResponseError", "ResponseError"),
    "vertex": ("PermissionDeniedError", "APIStatusError"),
    "watsonx": ("ApiRequestFailure", "WMLClientError"),
    "databricks": ("PermissionDeniedError", "APIError"),
    "mlflow": ("HTTPError", "RuntimeError"),  # it hands an error in a stream on as a chunk
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
    command.append(str(stage.boundary.ca_file))
    done = subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(said) == 4, done
    skip_missing(said[0])
    return said


def skip_missing(said: dict[str, Any]) -> None:
    """Skip where the SDK was not installed: it came to the list later than the others."""
    if said.get("error") == "ModuleNotFoundError":
        pytest.skip(f"{said['why']}: run scripts/clients natives")


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
    assert all("denied this call" in str(each["why"]) for each in denied if "why" in each), said
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


WRITTEN, TOLD = "Write to jane.doe@example.com", "Ask john.roe@example.com first."
MODELS = [
    *("amazon.", "claude-", "command-", "gemini-", "ibm/", "llama", "mistral-", "qwen-"),
]
REWRITTEN = (
    *("cohere", "dashscope", "databricks", "fim", "gemini", "mistral", "ollama", "vertex"),
    "watsonx",
)


@pytest.fixture(scope="module")
def redacting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start the same under the default policy, which cuts addresses out both ways."""
    folder = tmp_path_factory.mktemp("redactions")
    (folder / "own").mkdir()
    data = {
        "models": {"allow_prefixes": MODELS},
        "personal": {"request": "redact", "response": "redact"},
        "operations": {"allow_categories": ["inference", "data", "meta", "unknown"]},
    }
    (folder / "own" / "data.json").write_text(json.dumps(data))
    with scene(folder, policy=folder / "own") as shared:
        shared.upstream.answer(lambda request: words(request, TOLD))
        yield shared


def say(stage: Scene, sdk: str, folder: Path, words: str = WRITTEN) -> dict[str, str]:
    """Have an SDK ask something, by default with an address in it; what it got."""
    environment = "python" if sdk == "bedrock" else "natives"
    command = [installed(environment, "bin", "python"), str(PROGRAMS / "native_texts.py"), sdk]
    done = subprocess.run(
        [*command, stage.boundary.url, words, str(stage.boundary.ca_file)],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == 1, done
    found: dict[str, str] = json.loads(lines[0])
    skip_missing(found)
    return found


@pytest.mark.parametrize("sdk", REWRITTEN)
def test_addresses_are_cut_out_both_ways(redacting: Scene, sdk: str, tmp_path: Path) -> None:
    """What leaves and what comes is valid in the API: the SDK reads it as ever."""
    redacting.upstream.requests.clear()
    said = say(redacting, sdk, tmp_path)
    assert "error" not in said, said
    [asked] = [each for each in redacting.upstream.requests if each.method == "POST"]
    assert b"Write to " in asked.body
    assert b"jane.doe" not in asked.body
    assert said["text"].startswith("Ask ")
    assert said["text"].endswith(" first.")
    assert "john.roe" not in said["text"]


def test_what_is_signed_is_denied_where_it_would_be_rewritten(
    redacting: Scene, tmp_path: Path
) -> None:
    """Amazon's signature is over the body; the error says why, and nothing has left."""
    redacting.upstream.requests.clear()
    said = say(redacting, "bedrock", tmp_path)
    assert said["error"] == "AccessDeniedException"
    assert "signed" in said["why"]
    assert redacting.upstream.requests == []


def test_databricks_own_client_reads_why_a_call_was_denied(stage: Scene, tmp_path: Path) -> None:
    """It reads OpenAI's error object nowhere, and looks for the message beside it."""
    said = say(stage, "databricks", tmp_path, "forbidden")
    assert said["error"] == "PermissionDenied", said
    assert said["why"].startswith("helm-boundary denied this call")
