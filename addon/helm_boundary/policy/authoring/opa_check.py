"""What OPA says of a policy and its tests, for whoever wants it to be sound in both engines."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helm_boundary.policy.engines.opa_program import OpaProgram, run_opa
from helm_boundary.policy.engines.opa_sources import (
    OpaSources,
    check_sources,
    write_sources,
)
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.folder import read_part
from helm_boundary.policy.sources.policy import read_policy

TEST_SECONDS = 60.0  # for all tests


def check_in_opa(
    opa: OpaProgram, folders: Sequence[Path], *, key: Path | None = None
) -> Sequence[str]:
    """Return what ``opa check --strict`` says of the policy and its tests, by file and line."""
    with _written(opa, folders, key) as sources:
        return check_sources(opa, sources, "--strict")


def run_in_opa(
    opa: OpaProgram, folders: Sequence[Path], *, key: Path | None = None
) -> Mapping[str, str]:
    """Run the tests in OPA; return how each ended (passed, failed, skipped), by its name in data.

    Raises PolicyError for tests that OPA doesn't run.
    """
    with _written(opa, folders, key) as sources:
        bounded = ["--capabilities", str(sources.capabilities), "--timeout", f"{TEST_SECONDS}s"]
        done = run_opa(opa.path, "test", *bounded, "--format", "json", str(sources.folder))
        try:
            found: list[dict[str, Any]] = json.loads(done.stdout) or []
        except ValueError:
            said = (done.stderr or done.stdout).strip()
            raise PolicyError(f"opa test: {sources.named(said)[:1_000]}") from None
    return {f"{test['package']}.{test['name']}": _end(test) for test in found}


def _end(test: Mapping[str, Any]) -> str:
    if test.get("skip"):
        return "skipped"
    return "failed" if test.get("fail") or test.get("error") else "passed"


@contextmanager
def _written(opa: OpaProgram, folders: Sequence[Path], key: Path | None) -> Iterator[OpaSources]:
    policy = read_policy(folders, key=key)
    tests = [read_part(folder, tests=True, key=key).modules for folder in folders]
    modules = {file: text for part in (policy.modules, *tests) for file, text in part.items()}
    with tempfile.TemporaryDirectory() as within:
        data = json.dumps(policy.data, allow_nan=False)
        yield write_sources(Path(within), opa, modules, data)
