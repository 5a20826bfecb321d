"""The tools of a small coding agent, as plain functions."""

import subprocess
from pathlib import Path


def read_file(path: str) -> str:
    """Read a text file."""
    return Path(path).read_text("utf-8")


def edit_file(path: str, old: str, new: str) -> str:
    """Replace a text in a file by another."""
    file = Path(path)
    file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")
    return "done"


def run_command(command: str) -> str:
    """Run a command of the shell; return what it says."""
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


TOOLS = (read_file, edit_file, run_command)
