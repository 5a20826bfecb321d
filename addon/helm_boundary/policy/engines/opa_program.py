"""The program `opa` on this machine, where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from helm_boundary.policy.errors import PolicyError
from helm_receipts.storage import isolated

VERSION = re.compile(r"^Version:\s*v?((\d+)\.\S*)", re.MULTILINE)
SECONDS = 60.0  # for a run over all of a policy's sources
VERSION_SECONDS = 30.0  # to say its version, on a machine that is busy
# Go's clients take their proxies from here, and nothing listens on this port: whatever OPA might
# fetch (a schema's remote $ref) fails at once. Unix sockets aren't concerned.
NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class OpaProgram:
    """An OPA that runs here, and its version."""

    path: Path
    version: str

    def __str__(self) -> str:
        return f"OPA {self.version}"


def find_opa(given: Path | None = None) -> OpaProgram | None:
    """Return the OPA given, else the one on PATH; None where there is none.

    Raises PolicyError for a program that isn't OPA, or one that reads Rego as it was before 1.0.
    """
    found = str(given) if given else shutil.which("opa")
    if found is None:
        return None
    path = Path(found).absolute()
    version = VERSION.search(run_opa(path, "version", seconds=VERSION_SECONDS).stdout)
    if version is None:
        raise PolicyError(f"{path}: expected OPA, which `{path.name} version` doesn't say it is")
    if version[2] == "0":
        raise PolicyError(f"{path}: is OPA {version[1]}, expected 1.0 or later")
    return OpaProgram(path, version[1])


def run_opa(
    path: Path, *arguments: str, seconds: float = SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end; PolicyError when it can't be run, or doesn't end in time."""
    try:
        return subprocess.run(
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=opa_environment(),
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PolicyError(
            f"{path}: `opa {arguments[0]}` did not end within {seconds:.0f} seconds"
        ) from None
    except OSError as error:
        raise PolicyError(f"{path}: can't be run as OPA: {error.strerror}") from None


def opa_environment() -> dict[str, str]:
    """Return the environment variables of an OPA that is to reach nothing but this machine."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    return isolated.bare_environment() | dict.fromkeys(names, NOWHERE)
