"""A boundary that answers an escalation at once, for a module's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.approvals import write_policy
from support.boundary import Boundary
from support.upstream import Upstream


@pytest.fixture(scope="module")
def boundary(
    shared_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Boundary]:
    """Start a boundary with `helm_on_escalate=respond`, the default."""
    folder = tmp_path_factory.mktemp("respond")
    policy = write_policy(folder / "policy")
    with Boundary(shared_upstream, state=folder, policy=policy) as running:
        yield running
