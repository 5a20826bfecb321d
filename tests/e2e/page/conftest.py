"""An upstream for a module's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.upstream import Upstream


@pytest.fixture(scope="module")
def shared_upstream() -> Iterator[Upstream]:
    """Start one upstream per module."""
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(shared_upstream: Upstream) -> Upstream:
    """Return the upstream, answering by itself, with nothing counted yet."""
    shared_upstream.answer(lambda _: None)
    shared_upstream.requests.clear()
    return shared_upstream
