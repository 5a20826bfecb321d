"""The README's tutorial, executed: every block of it, in order, and what it says comes out."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest

from support.boundary import ROOT, Boundary
from support.chat import ToolCall, Turn, reply_to_chat
from support.upstream import Upstream


@dataclass(frozen=True)
class Step:
    """One block of commands, and the lines that must be in what it prints."""

    commands: str
    says: tuple[str, ...]


def steps() -> Iterator[Step]:
    """The blocks of the tutorial."""
    readme = (ROOT / "README.md").read_text()
    tutorial = readme.split("## Tutorial", 1)[1].split("\n## ", 1)[0]
    for found in re.finditer(r"```sh\n(.*?)```(?:\n\n```text\n(.*?)```)?", tutorial, re.DOTALL):
        yield Step(found[1], tuple((found[2] or "").splitlines()))


def run(step: Step, folder: Path) -> None:
    """Run a block as a reader would, and compare what it prints."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", step.commands],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    for line in step.says:
        assert line in done.stdout, (done.stdout, done.stderr)


def agent(boundary: Boundary, upstream: Upstream, command: str) -> Any:
    """An agent that has a shell, whose model wants one command run."""
    call = ToolCall("run_shell", json.dumps({"command": command}))
    upstream.answer(lambda request: reply_to_chat(request, Turn("", (call,))))
    client = openai.OpenAI(base_url=boundary.url + "/v1", api_key="none")
    messages: Any = [{"role": "user", "content": "clean up"}]
    return client.chat.completions.create(model="gpt-5-mini", messages=messages)


def started(step: Step, upstream: Upstream, folder: Path, state: Path) -> Boundary:
    """The boundary that a `scripts/run` line starts, before our upstream and on a free port."""
    script, *arguments = shlex.split(step.commands)
    assert (ROOT / script).exists()
    absolute = [re.sub(r"=(my-policy)$", rf"={folder}/\1", word) for word in arguments]
    absolute = [str(folder / word) if word.endswith(".mitm") else word for word in absolute]
    return Boundary(upstream, state=state, args=absolute)


def test_the_tutorial_comes_out_as_it_says(tmp_path: Path) -> None:
    """From recording a day to a policy in force."""
    folder = tmp_path / "desk"
    folder.mkdir()
    record, *middle, ship = steps()
    assert len(middle) == 4
    with Upstream() as upstream:
        with started(record, upstream, folder, tmp_path / "first") as observing:
            for command in ("ls -la", "rm -rf /tmp/build"):
                assert agent(observing, upstream, command).choices[0].message.tool_calls
        for step in middle:
            run(step, folder)
        with started(ship, upstream, folder, tmp_path / "second") as enforcing:
            assert agent(enforcing, upstream, "ls -la").choices[0].message.tool_calls
            with pytest.raises(openai.PermissionDeniedError) as refused:
                agent(enforcing, upstream, "rm -rf /tmp/build")
    assert refused.value.code == "SANDBOX_VIOLATION"
