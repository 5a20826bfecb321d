"""The wheel, which holds what runs in this checkout."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from support.boundary import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from what is installed, without an index."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
        timeout=120,
    )
    [file] = folder.glob("*.whl")
    return file


def test_the_wheel_has_the_import_names_of_the_checkout(wheel: Path) -> None:
    """Each source root holds one package, and the wheel holds those and nothing else."""
    sources = {
        package.name
        for root in ("addon", "receipts")
        for package in (ROOT / root).iterdir()
        if (package / "__init__.py").exists()
    }
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert sources == {"helm_boundary", "helm_receipts"}
    assert {top for top in tops if not top.endswith(".dist-info")} == sources


def test_the_wheel_carries_every_file_of_the_default_policy(wheel: Path) -> None:
    """As data of the package, byte for byte."""
    prefix = "helm_boundary/default_policy/"
    with zipfile.ZipFile(wheel) as archive:
        carried = {
            name.removeprefix(prefix): archive.read(name)
            for name in archive.namelist()
            if name.startswith(prefix)
        }
    folder = ROOT / "policies"
    found = {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }
    assert "main.rego" in carried
    assert carried == found


def test_the_wheel_carries_the_predicates_schema(wheel: Path) -> None:
    """Beside the package that writes it, for whoever reads receipts."""
    name = "helm_receipts/predicate.schema.json"
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(name) == (ROOT / "receipts" / name).read_bytes()


def test_the_command_and_the_packages_work_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """Unpacked elsewhere and first on the path, it is what `helm-boundary` runs."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = "import helm_boundary, helm_boundary.cli as cli; print(cli.__file__); cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))


def test_the_wheels_metadata_are_pyprojects(wheel: Path) -> None:
    """Its metadata are pyproject's: name, Python, licence."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/METADATA")]
        metadata = email.message_from_bytes(archive.read(name))
    assert metadata["Name"] == "helm-boundary"
    assert metadata["Requires-Python"] == ">=3.12"
    assert metadata["License-Expression"] == "Apache-2.0"


def test_the_lock_pins_every_dependency_with_hashes() -> None:
    """Each requirement of pyproject is in the lock, with `==` and at least one hash."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {
        _name(requirement)
        for requirement in (
            *project["dependencies"],
            *project["optional-dependencies"]["dev"],
        )
    }
    lock = (ROOT / "requirements.lock").read_text().replace("\\\n", " ").splitlines()
    pinned = {_name(line) for line in lock}
    assert wanted <= pinned
    assert [line for line in lock if "==" not in line or "--hash=sha256:" not in line] == []


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def test_a_program_runs_under_the_boundary_of_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """The wheel has no addon/helm.py; the script that mitmproxy loads is in the package."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "helm_boundary", "exec", "--state", "state", "--", "env"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"SSL_CERT_FILE={tmp_path}/state/clients/ca-bundle.pem" in done.stdout
    assert "HTTPS_PROXY=http://127.0.0.1:" in done.stdout
