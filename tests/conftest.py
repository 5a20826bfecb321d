"""What holds for every test."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from coverage import Coverage

from helm_boundary.runtime.key_pinning import VARIABLE


@pytest.fixture(scope="session", autouse=True)
def _pins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keys are pinned in a folder of the test run's, not in that of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path_factory.mktemp("pins")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _measure_only_here() -> Iterator[None]:
    """Leave the processes that tests start unmeasured: each would take a fifth longer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_START", raising=False)
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how much of the product ran in the tests' processes, where that is measured."""
    own = Coverage.current()
    if own is None:
        return
    own.stop()
    own.save()
    whole = Coverage()
    whole.combine()
    whole.save()
    share = whole.report(file=io.StringIO())
    terminalreporter.write_line(f"coverage: {share:.1f} % of the product's lines")
