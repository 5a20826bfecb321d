"""The suites that are run, each in a checkout that somebody has made and set up."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from suites.results import Results, read_jest, read_junit

OWN_SPEC = Path("api_reference", "openapi.transformed.yml")
"""Where OpenAI's SDKs keep the API description that their mock server answers from."""


class NotSetUp(Exception):
    """Something that a suite needs and that isn't there; says what makes it."""


@dataclass(frozen=True, slots=True)
class Suite(ABC):
    """An SDK's own tests of its API.

    `name` is the SDK's, `checkout` the folder that the tests are run in, `spec` the API description
    that the mock server answers from, and `environment` what the tests want to be told beside the
    address of the API.
    """

    name: str
    checkout: Path
    spec: Path
    environment: Mapping[str, str]

    @abstractmethod
    def command(self, results: Path) -> list[str]:
        """Return what runs the tests and writes their results to a file.

        Raises:
            NotSetUp: the checkout lacks what runs them.
        """

    @abstractmethod
    def read(self, results: Path) -> Results:
        """Read that file."""


class PytestSuite(Suite):
    """A suite in Python, run one test after the other with the checkout's own .venv."""

    def command(self, results: Path) -> list[str]:
        """Return the command for pytest; raises as the suite's."""
        python = needed(self.checkout / ".venv" / "bin" / "python", "a .venv with its dev group")
        options = ["-q", "-n", "0", "-p", "no:cacheprovider", f"--junitxml={results}"]
        return [str(python), "-m", "pytest", *options, "tests/api_resources"]

    def read(self, results: Path) -> Results:
        """Read pytest's results."""
        return read_junit(results)


class JestSuite(Suite):
    """A suite in TypeScript, run one file after the other with the checkout's own Jest."""

    def command(self, results: Path) -> list[str]:
        """Return the command for Jest; raises as the suite's."""
        jest = needed(self.checkout / "node_modules" / ".bin" / "jest", "its dev dependencies")
        options = ["--runInBand", "--json", f"--outputFile={results}"]
        return [str(jest), *options]

    def read(self, results: Path) -> Results:
        """Read Jest's results."""
        return read_jest(results, self.checkout)


def openai_python(checkout: Path) -> Suite:
    """Return the suite of openai-python."""
    return PytestSuite("openai-python", checkout, checkout / OWN_SPEC, {})


def openai_node(checkout: Path) -> Suite:
    """Return the suite of openai-node: its generated tests, which are those of the API."""
    settings = {"OPENAI_TEST_SUITE": "generated"}
    return JestSuite("openai-node", checkout, checkout / OWN_SPEC, settings)


def anthropic_python(checkout: Path, spec: Path) -> Suite:
    """Return the suite of anthropic-sdk-python, which comes without its API description."""
    return PytestSuite("anthropic-sdk-python", checkout, spec, {})


def find_steady(checkouts: Iterable[Path]) -> Path:
    """Return the mock server that the suites are written for: a checkout's, or the one on PATH.

    Raises:
        NotSetUp: there is none.
    """
    for checkout in checkouts:
        if (found := checkout / "node_modules" / ".bin" / "steady").exists():
            return found
    if (installed := shutil.which("steady")) is None:
        raise NotSetUp("expected steady (npm's @stdy/cli) in a checkout or on PATH, or --steady")
    return Path(installed)


def needed(file: Path, what: str) -> Path:
    """Return a file of a checkout.

    Raises:
        NotSetUp: it isn't there.
    """
    if not file.exists():
        raise NotSetUp(f"expected {file}, found none; the checkout needs {what}")
    return file
