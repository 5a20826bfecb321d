"""Set-up finds a Python that runs and is new enough, or says in one line that there is none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from support.boundary import ROOT

TOOLS = ("bash", "cat", "cksum", "dirname", "env", "grep", "head", "ls", "sed", "tr")
CHOSEN = 7

# A Python that is asked to make .venv says which it is and gives up; before that it is asked
# whether it will do, with `-c`; both with `-I`.
GOOD = f'#!/bin/sh\ncase "$2" in -m) echo "made by $0"; exit {CHOSEN};; esac\n'
OLD = "#!/bin/sh\nexit 1\n"
SHIM_OF_NOTHING = "#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2\nexit 127\n"
UV = '#!/bin/sh\ncase "$*" in "python find"*3.13) echo "$(dirname "$0")/of-uv";; *) exit 2;; esac\n'

CASES: dict[str, tuple[dict[str, str], str | None]] = {
    "none at all": ({}, None),
    "only an old one": ({"bin/python3": OLD}, None),
    "3.12 by name": ({"bin/python3": OLD, "bin/python3.12": GOOD}, "bin/python3.12"),
    "3.13 before 3.12": ({"bin/python3.12": GOOD, "bin/python3.13": GOOD}, "bin/python3.13"),
    "a command that doesn't run": (
        {"bin/python3.13": SHIM_OF_NOTHING, "bin/python3.12": GOOD},
        "bin/python3.12",
    ),
    "one that pyenv has but doesn't select": (
        {"bin/python3.13": SHIM_OF_NOTHING, "home/.pyenv/versions/3.13.9/bin/python": GOOD},
        "home/.pyenv/versions/3.13.9/bin/python",
    ),
    "the default is new enough": ({"bin/python3": GOOD}, "bin/python3"),
    "uv's first": ({"bin/uv": UV, "bin/of-uv": GOOD, "bin/python3.13": GOOD}, "bin/of-uv"),
}


@pytest.mark.parametrize("case", CASES)
def test_setup_picks_a_python_that_is_new_enough(tmp_path: Path, case: str) -> None:
    """The expected one of those on the machine; with none: exit code 2, one line, nothing made."""
    pythons, expected = CASES[case]
    for name, text in pythons.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    done = run_setup(tmp_path)
    if expected is None:
        assert done.returncode == 2
        [line] = done.stderr.splitlines()
        assert "needs Python 3.12 or 3.13" in line
        assert not (tmp_path / "project" / ".venv").exists()
    else:
        assert (done.returncode, done.stdout) == (CHOSEN, f"made by {tmp_path / expected}\n")


def run_setup(machine: Path) -> subprocess.CompletedProcess[str]:
    """Run a copy of scripts/setup with `machine`/bin on PATH and `machine`/home as home."""
    tools = machine / "tools"
    tools.mkdir()
    for tool in TOOLS:
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    project = machine / "project"
    (project / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup", project / "scripts" / "setup")
    return subprocess.run(
        [project / "scripts" / "setup"],
        env={"PATH": f"{machine / 'bin'}:{tools}", "HOME": str(machine / "home")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
