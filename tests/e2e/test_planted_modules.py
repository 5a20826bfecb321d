"""Code in the current folder or on PYTHONPATH, which must never get into a command or a boundary.

A repository that is to be governed has what it likes in its folder, and direnv or an editor may
have set PYTHONPATH to it. For the command that is typed, PYTHONPATH is its user's own choice; what
the command starts takes nothing from it.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import click
import pytest
from mitmproxy import http
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from helm_boundary.approvals.store import Store
from helm_boundary.cli import main
from helm_boundary.runtime.health import running_boundaries
from helm_receipts.envelope.opening import secret_ids
from helm_receipts.layout import Layout
from support.asked import request as asked
from support.boundary import ROOT
from support.certificates import Authority
from support.planted import Planted
from support.receipts import record_calls
from support.sampling import every

BIN = Path(sys.executable).parent
APPROVAL = "apr_0000000000000001"
NOTHING_RUNS = 2
NOTHING_THERE = 2
"""The state folder has no balances, and no receipt of an MCP server."""

# What each command is given, and the exit code that shows that it did its work.
UNPINNED = 3
"""True, but nobody has pinned the keys of this copy of the folder."""
INCOMPLETE = 3
"""Done, and something was missing: the recorded call has no answer."""

NO_DATABASE = "postgresql://127.0.0.1:1/x"

COMMANDS: dict[str, tuple[tuple[str, ...], int]] = {
    "approvals approve": (("--yes", APPROVAL), 0),
    "approvals deny": (("--yes", APPROVAL), 0),
    "approvals list": ((), 0),
    "approvals show": ((APPROVAL,), 0),
    "budgets list": ((), NOTHING_THERE),
    "budgets rebuild": ((), NOTHING_THERE),
    "budgets recompute": ((), NOTHING_THERE),
    "budgets reconcile": (("--costs", "{bill}"), 0),
    "budgets reset": (("none",), NOTHING_THERE),
    "budgets set": (("none", "--calls", "1"), NOTHING_THERE),
    "budgets show": (("none",), NOTHING_THERE),
    "decision-logs": (("--once", "--to", "{new}"), 0),
    "doctor": ((), 1),
    "env": ((), NOTHING_RUNS),
    "evidence": (("--since", "1h", "-o", "{new}.zip"), UNPINNED),
    "exec": (("--own", "--quiet", "--", "true"), 0),
    "log serve": (("--state", NO_DATABASE, "--folder", "{new}", "--listen", "127.0.0.1:0"), 2),
    "observe": (("--for", "1m", "--why", "a test"), 0),
    "policy rollback": (("--why", "a test"), 1),
    "receipts pull": (("--state", NO_DATABASE, "{new}"), 2),
    "state migrate": (("--state", NO_DATABASE), 2),
    "state status": (("--state", NO_DATABASE), 2),
    "keys init": ((), 0),
    "keys pin": ((), 0),
    "keys import": ((), 2),  # nor a key file
    "keys pseudonym": ((), 2),  # no key on standard input
    "keys publish": ((), 0),
    "keys rotate": (("receipt",), 0),
    "keys show": ((), 0),
    "policy bench": ((), 0),
    "policy check": (("{policy}",), 0),
    "policy diff": (("--flows", "{flows}", "-", "-"), INCOMPLETE),
    "policy eval": (("--flow", "{flows}"), 0),
    "policy example": ((), 0),
    "policy learn": (("--flows", "{flows}"), INCOMPLETE),
    "policy new": (("shell", "--folder", "{new}"), 0),
    "policy pins": ((), NOTHING_THERE),
    "policy test": (("{policy}",), 0),
    "receipts archive": (("--before", "90d", "-o", "{new}"), 0),
    "receipts consistency": (("{checkpoint}",), UNPINNED),
    "receipts erase": (("--yes", "{opening}"), 0),
    "receipts explain": (("{receipt}",), 0),
    "receipts export": (("--format", "intoto"), UNPINNED),
    "receipts fsck": ((), UNPINNED),
    "receipts integrate": ((), 0),
    "receipts list": ((), 0),
    "receipts prune": (("--before", "90d"), 0),
    "receipts prove": (("{receipt}",), UNPINNED),
    "receipts show": (("{receipt}",), 0),
    "receipts tail": ((), 0),
    "receipts verify": ((), UNPINNED),
    "report": (("-o", "{new}.html"), 0),
    "system-proxy off": (("--desktop", "gnome", "--dry-run"), 0),
    "system-proxy on": (("--desktop", "gnome", "--dry-run"), 0),
    "telemetry": ((), 0),
    "system-proxy status": (("--desktop", "gnome"), 1),
    "trust install": (("--dry-run", "--system", "debian", "--ca", "{ca}"), 0),
    "trust remove": (("--dry-run", "--system", "debian", "--ca", "{ca}"), 0),
    "trust status": (("--system", "debian", "--ca", "{ca}"), 1),
}
LASTING: dict[str, tuple[str, ...]] = {
    "metrics": ("--listen", "127.0.0.1:0"),
    "page": ("--listen", "127.0.0.1:0"),
    "receipts follow": (),
}
"""What runs until it is ended, and so is ended once it has begun."""
STARTERS = ["exec", "policy bench", "policy check", "policy diff", "policy test", "keys rotate"]


def commands(group: click.Group, before: str = "") -> Iterator[str]:
    """Yield every command that can be typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, f"{before}{name} ")
        else:
            yield f"{before}{name}"


def test_every_command_is_tried_here() -> None:
    """A new one must be added to the table; `run` has a test of its own."""
    assert {*COMMANDS, *LASTING, "run"} == set(commands(main))


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    """Plant modules in a folder."""
    return Planted(tmp_path)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a state folder with receipts and a question."""
    state = tmp_path_factory.mktemp("used") / "state"
    record_calls(state, 3)
    Store.open(state).add(asked(1))
    return state


@pytest.mark.parametrize("command", every(12, COMMANDS))  # all of them begin in one way
def test_a_command_imports_nothing_from_the_current_folder(
    command: str, used: Path, planted: Planted, tmp_path: Path
) -> None:
    """Nor into what it starts: modules of every name that we import, and none is."""
    done = typed(command, used, tmp_path, planted.folder, {})
    assert planted.sprung() == []
    assert done.returncode == COMMANDS[command][1], done


@pytest.mark.parametrize("command", LASTING)
def test_a_command_that_keeps_running_imports_nothing_planted(
    command: str, used: Path, planted: Planted, tmp_path: Path
) -> None:
    """It is ended once it has said something: where it listens, or a receipt that came."""
    state = tmp_path / "state"
    shutil.copytree(used, state)
    with subprocess.Popen(
        [str(BIN / "helm-boundary"), *command.split(), *LASTING[command]],
        cwd=planted.folder,
        env={"HELM_STATE": str(state), "HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
    ) as process:
        told = cast(IO[bytes], process.stdout)
        try:
            deadline = time.monotonic() + 60
            while not select.select([told], [], [], 1)[0]:
                assert process.poll() is None
                assert time.monotonic() < deadline
                record_calls(state, 1)
            assert os.read(told.fileno(), 1)
        finally:
            process.terminate()
    assert planted.sprung() == []


@pytest.mark.parametrize("command", every(3, STARTERS))
def test_what_a_command_starts_imports_nothing_from_pythonpath(
    command: str, used: Path, planted: Planted, tmp_path: Path
) -> None:
    """Nor what the user's site folder customises; only the command itself may see those."""
    done = typed(command, used, tmp_path, planted.folder, planted.environment)
    assert done.returncode == COMMANDS[command][1], done
    assert [each for each in planted.sprung() if each.command[1:] != done.args] == []
    assert planted.sprung() != []  # they do lie in wait


def typed(
    command: str, used: Path, folder: Path, cwd: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Type a command as it is in the table, on a copy of the state folder."""
    state = folder / "state"
    shutil.copytree(used, state)
    words = [word.format_map(_arguments(state, folder)) for word in COMMANDS[command][0]]
    where = {"HELM_STATE": str(state), "HOME": str(folder), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [str(BIN / "helm-boundary"), *command.split(), *words],
        cwd=cwd,
        env=where | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _arguments(state: Path, folder: Path) -> dict[str, str]:
    flows = folder / "flows.mitm"
    with flows.open("wb") as file:
        FlowWriter(file).add(_chat())
    layout = Layout(state)
    [writer] = layout.journal.iterdir()
    return {
        "policy": str(ROOT / "policies" / "models"),
        "flows": str(flows),
        "new": str(folder / "new"),
        "checkpoint": str(layout.log / "checkpoint"),
        "opening": secret_ids(layout.keys, "opening")[0],
        "receipt": f"{writer.name}-000001",
        "ca": str(Authority(folder / "authority").file),
        "bill": str(_bill(folder)),
    }


def _bill(folder: Path) -> Path:
    file = folder / "bill.csv"
    file.write_text("date,cost\n")
    return file


def _chat() -> http.HTTPFlow:
    flow = tflow.tflow()
    body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Good morning!"}]}
    flow.request = http.Request.make(
        "POST",
        "https://api.openai.com/v1/chat/completions",
        json.dumps(body),
        http.Headers(content_type="application/json", host="api.openai.com"),
    )
    flow.client_conn.sni = "api.openai.com"
    return flow


@pytest.mark.parametrize("by", ["folder", "environment"])
def test_a_running_boundary_imports_nothing_planted(
    by: str, planted: Planted, tmp_path: Path
) -> None:
    """Its workers, its log's process, and the processes of a policy that is loaded anew."""
    policy = tmp_path / "policy"
    policy.mkdir()
    (policy / "data.yaml").write_text("models: {}\n")
    state = tmp_path / "state"
    command = [str(BIN / "helm-boundary"), "run", "--port", "0", "--policy", str(policy)]
    environment = planted.environment if by == "environment" else {}
    with subprocess.Popen(
        [*command, "--set", f"confdir={tmp_path / 'mitmproxy'}", "--state", str(state)],
        cwd=planted.folder,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            digest = _until_ready(process, state)
            (policy / "data.yaml").write_text("models: {allow: [other]}\n")
            process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 30
            while _until_ready(process, state) == digest and time.monotonic() < deadline:
                time.sleep(0.1)
            assert _until_ready(process, state) != digest
        finally:
            process.terminate()
    # The typed command becomes an isolated one before it is a boundary.
    assert [each for each in planted.sprung() if each.command[1:] != process.args] == []
    assert "mitmproxy" not in {each.name for each in planted.sprung()}
    assert bool(planted.sprung()) == (by == "environment")


def _until_ready(process: subprocess.Popen[bytes], state: Path) -> str:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        for health in running_boundaries(state):
            return health.policy_digest
        time.sleep(0.05)
    raise AssertionError(f"it did not start: {process.poll()}")


def test_processes_that_check_a_log_import_nothing_planted(
    planted: Planted, used: Path, tmp_path: Path
) -> None:
    """An auditor may stand in the very folder that is checked, which somebody else sent."""
    program = (
        "import sys; from pathlib import Path\n"
        "from helm_receipts.audit.fsck import fsck; from helm_receipts.layout import Layout\n"
        "from helm_receipts.audit.ahead import start_checkers\n"
        "from helm_receipts.log.published_keys import read_published\n"
        "state = Path(sys.argv[1]); known = read_published(Layout(state))\n"
        "with start_checkers(2) as check:\n"
        "    keys = [known.receipt[-1].key], [known.log[-1].key]\n"
        "    report = fsck(state, *keys, check=check)\n"
        "print(report.calls)\n"
    )
    (tmp_path / "audit.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-P", str(tmp_path / "audit.py"), str(used)],
        cwd=planted.folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, planted.sprung()) == ("3\n", []), done


@pytest.mark.parametrize("script", ["run", "demo"])
def test_scripts_import_nothing_planted(script: str, planted: Planted, tmp_path: Path) -> None:
    """`scripts/run` is the boundary, and takes nothing from PYTHONPATH either."""
    done = subprocess.run(
        [str(ROOT / "scripts" / script), *(["--version"] if script == "run" else ["--help"])],
        cwd=planted.folder,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | planted.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done
    assert planted.sprung() == []
