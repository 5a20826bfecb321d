"""Fixtures of every test."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from typing import Any

import pytest
from coverage import Coverage

from fuzz import plain_run
from helm_boundary.runtime.key_pinning import VARIABLE
from support.engines import any_state  # noqa: F401 - a fixture
from support.postgresql import (  # noqa: F401 - fixtures
    database,
    empty_database,
    missing_postgresql,
    postgresql,
)

_SLOW = "run the tests marked slow too, and every stream with each client"


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much is tried, and how streams are fuzzed (tests/fuzz)."""
    parser.addoption("--slow", action="store_true", help=_SLOW)
    group = parser.getgroup("fuzz", "fuzzing of streams")
    group.addoption("--fuzz-seed", type=int, help="the seed; a longer run has its own")
    group.addoption("--fuzz-seconds", type=float, help="for how long, in all")
    group.addoption(
        "--fuzz-tellings", type=int, help=f"how many streams in all ({plain_run.TELLINGS})"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed, once for all the processes that share the work."""
    chosen = getattr(config, "workerinput", {}).get("fuzz_seed", config.option.fuzz_seed)
    asked = config.option.fuzz_seconds or config.option.fuzz_tellings
    own = random.randrange(1_000_000) if asked else plain_run.SEED
    config.option.fuzz_seed = own if chosen is None else chosen


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is slow where that isn't asked for."""
    for item in items:
        if item.get_closest_marker("slow") and not config.option.slow:
            item.add_marker(pytest.mark.skip(reason="slow: with --slow only"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the seed to a process of pytest-xdist."""
    node.workerinput["fuzz_seed"] = node.config.option.fuzz_seed


@pytest.fixture(scope="session", autouse=True)
def _pins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Pin keys in a folder of the test run's, not in that of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path_factory.mktemp("pins")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _measure_only_here() -> Iterator[None]:
    """Leave the processes that tests start unmeasured: each would take a fifth longer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_START", raising=False)
        yield


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save what a process of pytest-xdist has measured: it may be ended before it exits."""
    if hasattr(session.config, "workerinput"):
        _save_coverage()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what the fuzzer tried, and how much of the product ran, where that is measured."""
    _tell_figures(terminalreporter, config)
    _tell_coverage(terminalreporter)


def _save_coverage() -> bool:
    """Save what this process has measured; returns whether it was measured."""
    own = Coverage.current()
    if own is None:
        return False
    own.stop()
    own.save()
    return True


def _tell_coverage(terminalreporter: pytest.TerminalReporter) -> None:
    if not _save_coverage():
        return
    whole = Coverage()
    whole.combine()
    whole.save()
    share = whole.report(file=io.StringIO())
    terminalreporter.write_line(f"coverage: {share:.1f} % of the product's lines")


def _tell_figures(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reports = [each for found in terminalreporter.stats.values() for each in found]
    figures = [
        value
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == "fuzz"
    ]
    if figures:
        terminalreporter.section(f"fuzzed streams, --fuzz-seed {config.option.fuzz_seed}")
        for line in figures:
            terminalreporter.line(str(line))
