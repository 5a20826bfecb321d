"""`scripts/recordings`: what it reads, replays over real sockets, and says of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.boundary import ROOT

CALL = {
    "model": "gpt-4o",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}}],
}
STREAM = [
    {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant",
                                          "model": "m", "content": []}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0,
     "delta": {"type": "text_delta", "text": "a\u2028b"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_stop"},
]  # fmt: skip


def interaction(body: Any, answer: Any, status: int = 200) -> dict[str, Any]:
    """Build a call as VCR keeps it."""
    return {
        "request": {
            "method": "POST",
            "uri": "https://api.openai.example/v1/chat/completions",
            "headers": {"Content-Type": [b"application/json"], "Content-Length": ["9"]},
            "body": body,
        },
        "response": {
            "status": {"code": status, "message": "OK"},
            "headers": {"Content-Type": ["application/json"], "Content-Encoding": ["gzip"]},
            "body": answer,
        },
    }


def recorded(folder: Path, *interactions: dict[str, Any]) -> Path:
    """Write a cassette and a fixture; returns the folder of both."""
    cassettes = folder / "tests" / "cassettes"
    cassettes.mkdir(parents=True)
    text = yaml.safe_dump({"version": 1, "interactions": list(interactions)})
    (cassettes / "hello.yaml").write_text(text)
    (cassettes / "a_socket.yaml").write_text("interactions: [{kind: message}]")
    fixtures = folder / "packages" / "anthropic" / "src" / "__fixtures__"
    fixtures.mkdir(parents=True)
    lines = [json.dumps(each, ensure_ascii=False) for each in STREAM]
    (fixtures / "a.chunks.txt").write_text("\n".join([*lines, *lines]), encoding="utf-8")
    return folder


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the script; returns its exit code and what it printed."""
    command = [str(ROOT / "scripts" / "recordings"), str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + (done.stderr if done.returncode > 1 else "")


ASKS = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello."}]}


def test_what_passes_as_it_came_is_counted(tmp_path: Path) -> None:
    """Bodies may be strings, bytes or values; a file with two streams is two calls."""
    found = recorded(
        tmp_path,
        interaction(json.dumps(ASKS), {"string": json.dumps(CALL)}),
        interaction(ASKS, {"string": json.dumps(CALL).encode()}),
        interaction(ASKS, CALL, status=201),
    )
    code, said = run(found, "--json")
    figures = json.loads(said)
    row = {"calls": 3, "unchanged": 3, "refused": 0, "changed": 0}
    assert figures["providers"] == {"openai.example": row, "anthropic": row | {
        "calls": 2, "unchanged": 2,
    }}  # fmt: skip
    assert (code, figures["receipts"], figures["skipped"]) == (0, 5, 1)


@pytest.mark.parametrize(("observe", "refused"), [((), 1), (("--observe",), 0)])
def test_what_is_refused_is_named(tmp_path: Path, observe: tuple[str, ...], refused: int) -> None:
    """With the reason; in observe mode nothing is."""
    found = recorded(tmp_path, interaction('{"model": "a", "model": "b"}', "{}"))
    code, said = run(found, "--show", "--only", "hello", *observe)
    assert code == refused
    assert ("SCHEMA_VIOLATION" in said) is bool(refused)


def test_a_folder_without_recordings_is_an_error(tmp_path: Path) -> None:
    """It says what was expected."""
    code, said = run(tmp_path)
    assert code == 2
    assert "expected a recording" in said
