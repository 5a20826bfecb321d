"""Real clients read streams that tell a call in several ways.

Without a boundary, each call that a client would run is one that a reader holds, so that the fuzzer
judges by what clients really do. Behind one, no client gets to run what policy denies. What isn't
in the tests' own environment is installed by `scripts/clients`, and skipped where that was not run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fuzz.client_streams import LOOK, Stream, chosen_streams
from fuzz.readers import Held, is_heard
from fuzz.shapes import SHAPES
from fuzz.spellings import views
from support.boundary import Boundary
from support.installed import PROGRAMS, installed, on_path
from support.scene import verify_all
from support.upstream import Recorded, Reply, Upstream

CLIENTS = [
    *((f"{client}_{dialect}.py", dialect) for dialect in ("chat", "responses")
      for client in ("openai", "langchain", "llama_index", "pydantic_ai", "openai_agents")),
    *((f"{client}_anthropic.py", "messages")
      for client in ("langchain", "llama_index", "pydantic_ai")),
    ("openai_guide.py", "chat"), ("litellm_chat.py", "chat"), ("anthropic.py", "messages"),
    *((f"{client}_{dialect}.mjs", dialect) for dialect in ("chat", "responses")
      for client in ("openai", "ai_sdk")),
    ("anthropic.mjs", "messages"), ("ai_sdk_anthropic.mjs", "messages"),
    *((f"encoding/json, {dialect}", dialect) for dialect in ("chat", "responses", "messages")),
]  # fmt: skip
_LONG = {
    *("langchain_chat.py", "llama_index_chat.py", "llama_index_responses.py"),
    *("llama_index_anthropic.py", "pydantic_ai_chat.py", "pydantic_ai_anthropic.py"),
    *("openai_agents_chat.py", "openai_agents_responses.py", "litellm_chat.py"),
}
"""Clients that take long to start; others read what they read in much the same way."""
_EVERY = 7
RUNS = ("direct", "others", "look")
"""Without a boundary; where policy denies all but one call; where it denies that one."""

POLICY = """package helm

default decision := {"verdict": "ALLOW", "reasons": []}

decision := {"verdict": "DENY", "reasons": [{
\t"code": "SANDBOX_VIOLATION", "rule": "test", "message": "no", "finality": "ungranted",
}]} if {
\tsome call in input.response.tool_calls
\tdenied(call)
}

is_look(call) if {
\tcall.name == "look"
\tobject.union({"p": "a"}, object(call)) == {"p": "a"}
}

object(call) := call.arguments if is_object(call.arguments)

object(call) := {} if call.arguments_text in {"", "null"}

denied(call) if {
\tstartswith(input.http.path, "/others/")
\tnot is_look(call)
}

denied(call) if {
\tstartswith(input.http.path, "/look/")
\tcall.name == "look"
}
"""


@dataclass(frozen=True, slots=True)
class Read:
    """What a client holds of one stream."""

    calls: list[tuple[str, Any]]
    error: str | None


@pytest.fixture(scope="module")
def every(pytestconfig: pytest.Config) -> int:
    """Say which streams a client reads: each of so many, or all with `--slow`."""
    return 1 if pytestconfig.option.slow else _EVERY


@pytest.fixture(scope="module")
def upstream(every: int) -> Iterator[Upstream]:
    """Start an upstream that answers each path with the stream of its number."""

    def answer(request: Recorded) -> Reply:
        _, _, number, *rest = request.path.split("?")[0].split("/")
        dialect = {"completions": "chat"}.get(rest[-1], rest[-1])
        return Reply.events(*chosen_streams(dialect, every)[int(number)].raws)

    with Upstream() as server:
        server.answer(answer)
        yield server


@pytest.fixture(scope="module")
def boundary(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boundary]:
    """Start the boundary before it."""
    policy = tmp_path_factory.mktemp("policy")
    (policy / "main.rego").write_text(POLICY)
    state = tmp_path_factory.mktemp("state")
    with Boundary(upstream, state=state, policy=policy) as running:
        yield running
    verify_all(running)


@pytest.mark.parametrize(
    ("client", "dialect"),
    [pytest.param(*each, marks=[pytest.mark.slow] * (each[0] in _LONG)) for each in CLIENTS],
)
def test_a_client_runs_only_what_a_reader_holds_and_what_policy_allows(
    client: str, dialect: str, every: int, upstream: Upstream, boundary: Boundary, tmp_path: Path
) -> None:
    """And of an honest stream the same as without a boundary."""
    streams = chosen_streams(dialect, every)
    roots = [f"{upstream.url if run == 'direct' else boundary.url}/{run}" for run in RUNS]
    command = _command(client, tmp_path)
    model = "claude-sonnet-4-5" if dialect == "messages" else "gpt-4o-mini"
    reads = _run([*command, str(len(streams)), model, *roots], tmp_path)
    count = len(streams)
    assert len(reads) == count * len(RUNS)
    direct, others, look = reads[:count], reads[count : 2 * count], reads[2 * count :]
    if not any(read.calls for read in direct):
        pytest.skip(f"this client can't ask here: {direct[0].error}")
    unknown, ran, honest = [], [], []
    for at, stream in enumerate(streams):
        known = [(name, _text(said)) for name, said in _held(dialect, stream)]
        unknown += [(stream.what, call) for call in direct[at].calls if not _is(call, known)]
        ran += [(stream.what, call) for call in others[at].calls if not _is(call, [("look", LOOK)])]
        ran += [(stream.what, call) for call in look[at].calls if call[0] == "look"]
        if stream.is_honest:
            assert direct[at] == others[at], stream.what
            honest += direct[at].calls
    assert not unknown
    assert not ran
    assert _is(("look", LOOK), [(name, _text(said)) for name, said in honest])


def _command(client: str, folder: Path) -> list[str]:
    if client.startswith("encoding/json"):
        program, build = folder / "holds", {**os.environ, "GOTOOLCHAIN": "local"}
        source = PROGRAMS / "holds.go"
        subprocess.run([on_path("go"), "build", "-o", program, source], check=True, env=build)
        path = client.rpartition(" ")[2]
        return [str(program), "chat/completions" if path == "chat" else path]
    if client.endswith(".py"):
        return [installed("python", "bin", "python"), str(PROGRAMS / f"holds_{client}")]
    (folder / "node_modules").symlink_to(installed("node", "node_modules"))
    for program in PROGRAMS.glob("hold*.mjs"):
        shutil.copy(program, folder)
    return [installed("node", "node_modules", ".bin", "node"), str(folder / f"holds_{client}")]


def _run(command: list[str], folder: Path) -> list[Read]:
    done = subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [Read([(name, said) for name, said in each["calls"]], each["error"]) for each in lines]


def _held(dialect: str, stream: Stream) -> list[tuple[str, str]]:
    """Return what the readers hold, and what clients make of arguments that are cut off."""
    shape = SHAPES[dialect]
    read = [shape.read(view) for view in views(stream.raws, in_messages=False).values()]
    held = [(held.name, _text(held.arguments)) for each in read for held in each]
    closed = [(name, said + '"}') for name, said in held]
    left_out = [(name, said.rpartition(":")[0] + ": null}") for name, said in held]
    return [*held, *closed, *left_out]


def _is(call: tuple[str, Any], known: list[tuple[str, str]]) -> bool:
    """Tell whether a call is known, or is nobody's: without a name, or with one told twice."""
    name = call[0]
    is_repeated = any(name == each * 2 for each, _ in known)
    return not name or is_repeated or is_heard(Held("client", 0, *call), known)


def _text(said: Any) -> str:
    return said if isinstance(said, str) else json.dumps(said)
