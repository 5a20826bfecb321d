"""One boundary per module: what it refuses must not harm the calls that come after."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.scene import Scene, scene


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a boundary with the scripted policy, and the upstream behind it."""
    with scene(tmp_path_factory.mktemp("scene")) as stage:
        yield stage


@pytest.fixture
def stage(shared: Scene) -> Scene:
    """Return the module's boundary, with an upstream that answers by itself."""
    shared.upstream.answer(lambda _: None)
    return shared
