"""The suites that are run, each in a checkout that somebody has made and set up."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from suites.results import Results, read_jest, read_junit

OWN_SPEC = Path("api_reference", "openapi.transformed.yml")
"""Where OpenAI's SDKs keep the API description that their mock server answers from."""


class NotSetUp(Exception):
    """Something that a suite needs and that isn't there; says what makes it."""


class Suite(Protocol):
    """An SDK's own tests of its API."""

    @property
    def name(self) -> str:
        """The SDK's name."""
        ...

    @property
    def checkout(self) -> Path:
        """The folder that the tests are run in."""
        ...

    @property
    def spec(self) -> Path:
        """The API description that the mock server answers from."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """What its tests want to be told beside the address of the API."""
        ...

    def command(self, results: Path) -> list[str]:
        """Return what runs the tests and writes their results to a file."""
        ...

    def read(self, results: Path) -> Results:
        """Read that file."""
        ...


@dataclass(frozen=True, slots=True)
class PytestSuite:
    """A suite in Python, run one test after the other with the checkout's own .venv."""

    name: str
    checkout: Path
    spec: Path
    environment: Mapping[str, str]

    def command(self, results: Path) -> list[str]:
        """Return the command for pytest.

        Raises:
            NotSetUp: there is no .venv.
        """
        python = needed(self.checkout / ".venv" / "bin" / "python", "a .venv with its dev group")
        options = ["-q", "-n", "0", "-p", "no:cacheprovider", f"--junitxml={results}"]
        return [str(python), "-m", "pytest", *options, "tests/api_resources"]

    def read(self, results: Path) -> Results:
        """Read pytest's results."""
        return read_junit(results)


@dataclass(frozen=True, slots=True)
class JestSuite:
    """A suite in TypeScript, run one file after the other with the checkout's own Jest."""

    name: str
    checkout: Path
    spec: Path
    environment: Mapping[str, str]

    def command(self, results: Path) -> list[str]:
        """Return the command for Jest.

        Raises:
            NotSetUp: there is no Jest.
        """
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
