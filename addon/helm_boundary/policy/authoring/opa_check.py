"""What OPA says of a policy, for whoever wants it to be sound in both engines."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from helm_boundary.policy.engines.opa_program import OpaProgram
from helm_boundary.policy.engines.opa_sources import check_sources, write_sources
from helm_boundary.policy.sources.folder import read_part
from helm_boundary.policy.sources.policy import read_policy


def check_in_opa(
    opa: OpaProgram, folders: Sequence[Path], *, key: Path | None = None
) -> Sequence[str]:
    """Return what ``opa check --strict`` says of the policy and its tests, by file and line."""
    policy = read_policy(folders, key=key)
    tests = [read_part(folder, tests=True, key=key).modules for folder in folders]
    modules = {file: text for part in (policy.modules, *tests) for file, text in part.items()}
    with tempfile.TemporaryDirectory() as within:
        return check_sources(opa, write_sources(Path(within), opa, modules, policy.data))
