"""What scenes showed, in a file with a line for each, from pytest as it runs them.

A line is `{"scene": …, "state": "ok" | "failed" | "skipped", "seconds": …, "why": …}`. Of two lines
for a scene the later one counts, so that runs can be ended, gone on with and done in parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

OPTION = "--agents-ledger"
_STATES = {"passed": "ok", "failed": "failed", "skipped": "skipped"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a scene showed: its test's name with its parameters, how it ended and how long it took.

    `why` is the reason of what was skipped or failed.
    """

    scene: str
    state: str
    seconds: float
    why: str = ""


def read_ledger(lines: Iterable[str]) -> dict[str, Shown]:
    """Read lines of a ledger; the last of each scene counts. A line that was cut off is none."""
    read: dict[str, Shown] = {}
    for line in lines:
        try:
            shown = Shown(**json.loads(line))
        except (ValueError, TypeError):
            continue
        read[shown.scene] = shown
    return read


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the file's name."""
    parser.addoption(OPTION, help="the file that says what each agent showed")


def pytest_configure(config: pytest.Config) -> None:
    """Write the ledger where tests are collected from, not in each process of pytest-xdist."""
    file = config.getoption(OPTION)
    if file and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Writer(Path(file)))


class _Writer:
    def __init__(self, file: Path) -> None:
        self._file = file

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write a line once a test has ended, and one more where its clean-up fails."""
        if report.when == "call" or report.outcome != "passed":
            line = json.dumps(asdict(_shown(report)))
            with self._file.open("a") as file:
                file.write(line + "\n")


def _shown(report: pytest.TestReport) -> Shown:
    scene = report.nodeid.rpartition("::")[2]
    return Shown(scene, _STATES[report.outcome], round(report.duration, 1), _why(report))


def _why(report: pytest.TestReport) -> str:
    if report.outcome == "passed":
        return ""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr)[:500]
