"""The one way in which this product starts a Python: with our code, and nobody else's.

`python -m` takes modules from the folder it is run in, and every Python takes them from PYTHONPATH,
from the user's own site folder and from whatever PYTHONHOME names. Each of these may belong to the
program that is to be governed. With -I (isolated mode, "Command line and environment" in Python's
documentation) none of them counts; what does is the interpreter's own folders and those that our
packages were imported from, which may be a checkout that nobody installed.
"""

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

_START = Path(__file__).with_name("isolated_start.py")
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def run_module(module: str, *arguments: str) -> list[str]:
    """Build the command line that runs one of our modules as `python -m` would, isolated."""
    return [sys.executable, "-I", str(_START), _roots(module), module, *arguments]


def run_file(file: Path, *arguments: str) -> list[str]:
    """Build the command line that runs one of our files, isolated and without any package."""
    return [sys.executable, "-I", "-S", str(file), *arguments]


def without_python(environment: Mapping[str, str]) -> dict[str, str]:
    """Drop from an environment what steers a Python, for whatever a process with it starts."""
    return {name: value for name, value in environment.items() if not name.startswith("PYTHON")}


def bare_environment() -> dict[str, str]:
    """Pick the variables that a process of ours needs: none that could hold a provider's key."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def _roots(module: str) -> str:
    """List the folders that this process has our packages from, the module's own first."""
    packages = dict.fromkeys((module.partition(".")[0], __name__.partition(".")[0]))
    folders = [Path(import_module(name).__path__[0]).absolute().parent for name in packages]
    return os.pathsep.join(dict.fromkeys(map(str, folders)))
