"""The tutorial, executed: every block of it, in order, prints what it says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import openai
import pytest

from support.boundary import ROOT, Boundary
from support.chat import ToolCall, Turn, reply_to_chat
from support.pages import DOCS, Step, run, steps
from support.upstream import Upstream


def agent(boundary: Boundary, upstream: Upstream, command: str) -> Any:
    """Run an agent that has a shell, whose model wants one command run."""
    call = ToolCall("run_shell", json.dumps({"command": command}))
    upstream.answer(lambda request: reply_to_chat(request, Turn("", (call,))))
    client = openai.OpenAI(base_url=boundary.url + "/v1", api_key="none")
    messages: Any = [{"role": "user", "content": "clean up"}]
    return client.chat.completions.create(model="gpt-5-mini", messages=messages)


def started(step: Step, upstream: Upstream, folder: Path, state: Path) -> Boundary:
    """Start the boundary of a `scripts/run` line, before our upstream and on a free port."""
    script, *arguments = shlex.split(step.commands)
    assert (ROOT / script).exists()
    absolute = [re.sub(r"=(my-policy)$", rf"={folder}/\1", word) for word in arguments]
    absolute = [str(folder / word) if word.endswith(".mitm") else word for word in absolute]
    return Boundary(upstream, state=state, args=absolute)


def test_the_tutorial_works_as_written(tmp_path: Path) -> None:
    """From recording a day to a policy in force."""
    folder = tmp_path / "desk"
    folder.mkdir()
    record, *middle, ship = steps((DOCS / "tutorial.md").read_text("utf-8"))
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
