"""`scripts/test` fails for coverage only when all tests ran, and for tests and checks always."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from support.boundary import ROOT

COVERAGE = """#!/bin/sh
[ "$1" = report ] || exit 0
echo 49.9
echo "Coverage failure: total of 49.9 is less than fail-under=50.0"
exit 2
"""


@pytest.mark.parametrize(
    ("arguments", "tests", "code", "said"),
    [
        ((), 0, 1, "total of 49.9 is less than fail-under=50.0"),
        (("tests/unit",), 0, 0, ""),
        (("-k", "matching"), 0, 0, ""),
        ((), 3, 3, ""),
        (("tests/unit",), 3, 3, ""),
    ],
    ids=["all", "a folder", "a word", "all, some fail", "a folder, some fail"],
)
def test_only_all_tests_are_held_to_the_floor(
    tmp_path: Path, arguments: tuple[str, ...], tests: int, code: int, said: str
) -> None:
    """The tools are stand-ins; lines that no test ran are below the floor here."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "test", tmp_path / "scripts")
    stand_ins = {
        "scripts/setup": "#!/bin/sh\n",
        ".venv/bin/ruff": "#!/bin/sh\n",
        ".venv/bin/mypy": "#!/bin/sh\n",
        ".venv/bin/pytest": f"#!/bin/sh\nexit {tests}\n",
        ".venv/bin/coverage": COVERAGE,
    }
    for name, text in stand_ins.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    done = subprocess.run(
        [tmp_path / "scripts" / "test", *arguments], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == code
    assert said in done.stderr
    assert bool(said) == bool(done.stderr)
