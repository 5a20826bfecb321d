"""Every Python that the product starts is started in one way, and takes nobody else's code."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helm_receipts.storage import isolated
from support.boundary import ROOT
from support.planted import Planted

STARTS_PYTHON = {"isolated.py", "process.py"}
"""What starts Python; `process.py` as `isolated` says, and a test holds it to that."""
OTHER_WAYS = {
    *("multiprocessing", "runpy", "pty", "venv", "code"),
    *("concurrent.futures.process", "distutils", "asyncio.subprocess"),
}
OTHER_CALLS = {
    *("ProcessPoolExecutor", "fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "popen"),
    *("create_subprocess_exec", "create_subprocess_shell", "run_path", "executable"),
    *("spawnl", "spawnle", "spawnlp", "spawnlpe", "spawnv", "spawnve", "spawnvp", "spawnvpe"),
}
SOURCES = [file for root in ("addon", "receipts") for file in (ROOT / root).rglob("*.py")]


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_every_python_is_started_isolated(file: Path) -> None:
    """No `sys.executable`, no process but by `subprocess`, and no command called python."""
    if file.name in STARTS_PYTHON or file.name == "isolated_start.py":
        return
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in OTHER_WAYS]
        elif isinstance(node, ast.ImportFrom):
            names = {node.module or "", *(alias.name for alias in node.names)}
            ours = OTHER_CALLS if node.level else OTHER_WAYS | OTHER_CALLS  # .code is no code
            found += sorted(names & ours)
        elif isinstance(node, ast.Attribute) and node.attr in OTHER_CALLS:
            found.append(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.rpartition("/")[2]
            found += [name] if name.rstrip("0123456789.") == "python" else []
    assert found == []


def test_the_search_for_python_starts_reads_every_source() -> None:
    """The walk above isn't over an empty folder."""
    assert len(SOURCES) > 150
    assert {file.name for file in SOURCES} >= STARTS_PYTHON


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    """Modules that lie in wait."""
    return Planted(tmp_path)


def test_a_module_runs_without_the_current_folder_and_python_variables(planted: Planted) -> None:
    """Neither the current folder nor any of Python's variables counts, PYTHONHOME included."""
    done = subprocess.run(
        isolated.run_module("helm_boundary", "--version"),
        cwd=planted.folder,
        env={**planted.environment, "PYTHONHOME": str(planted.folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, planted.sprung()) == (0, []), done
    assert done.stdout.startswith("helm-boundary, version")


def test_a_file_runs_without_the_current_folder_and_python_variables(
    planted: Planted, tmp_path: Path
) -> None:
    """Its own folder isn't looked into either; what it starts gets the environment as it was."""
    program = planted.folder / "program.py"
    program.write_text("import os, socket, json; print(os.environ['PYTHONPATH'])")
    done = subprocess.run(
        isolated.run_file(program),
        cwd=planted.folder,
        env=planted.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, planted.sprung()) == (f"{planted.folder}\n", [])


def test_our_packages_come_from_where_this_process_has_them(tmp_path: Path) -> None:
    """From a copy that nobody installed, though another one is; the standard library goes first."""
    for root in ("addon/helm_boundary", "receipts/helm_receipts"):
        place = tmp_path / Path(root).name
        shutil.copytree(ROOT / root, place, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "helm_boundary" / "where.py").write_text("import json; print(__file__, json)")
    (tmp_path / "json.py").write_text("raise SystemExit('a module beside ours')")
    program = "import sys; sys.path.append(sys.argv[1]); sys.path.reverse()\n" + (
        "import subprocess, helm_boundary; from helm_receipts.storage import isolated\n"
        "subprocess.run(isolated.run_module('helm_boundary.where'), check=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith(str(tmp_path / "helm_boundary" / "where.py")), done
    assert "lib/python" in done.stdout


def test_variables_that_steer_a_python_are_dropped() -> None:
    """What is left is the user's; a bare one has no keys of theirs either."""
    given = {"PATH": "/bin", "PYTHONPATH": ".", "PYTHONHOME": "x", "OPENAI_API_KEY": "k"}
    assert isolated.without_python(given) == {"PATH": "/bin", "OPENAI_API_KEY": "k"}
    assert set(isolated.bare_environment()) <= set(os.environ)
    assert not [name for name in isolated.bare_environment() if "PYTHON" in name or "KEY" in name]


def test_what_runs_several_processes_starts_them_isolated() -> None:
    """Their command line is made by `isolated.run_module`, and their environment lacks Python's."""
    text = (ROOT / "addon/helm_boundary/runtime/processes/process.py").read_text("utf-8")
    (started,) = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("create_subprocess_exec")
    ]
    assert [ast.unparse(each) for each in started.args] == [
        "*isolated.run_module('helm_boundary', 'run', *arguments)"
    ]
    assert "isolated.without_python" in text
