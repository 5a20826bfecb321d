"""Fixtures of every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helm_boundary.runtime.key_pinning import VARIABLE


@pytest.fixture(scope="session", autouse=True)
def _pins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Pin keys in a folder of the test run's, not in that of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path_factory.mktemp("pins")))
        yield
