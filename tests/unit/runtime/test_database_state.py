"""helm_state as a database: read strictly, and of no cost to whoever has a folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from helm_receipts.storage import isolated


def test_nothing_of_a_database_is_loaded_where_the_state_is_a_folder(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "import helm_boundary.runtime.startup, helm_boundary.proxy.addon\n"
        "from helm_receipts.recording.recorder import Recorder\n"
        f"Recorder.open(Path({str(tmp_path / 'state')!r}), version='0',"
        " configuration='00' * 32).close()\n"
        "print(*(name for name in sys.modules if 'psycopg' in name or '.tables' in name))\n"
    )
    roots = isolated.run_module("helm_boundary")[3].split(":")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {roots!r}; "
         f"exec(open({str(program)!r}).read())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == ""
