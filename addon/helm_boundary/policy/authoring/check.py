"""Everything that can be said about a policy without traffic: ``policy check``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helm_boundary.policy.detectors.detectors import Detectors, compile_detectors
from helm_boundary.policy.engines.embedded import start_embedded
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.folder import Part, read_part
from helm_boundary.policy.sources.metadata import Metadata, read_metadata
from helm_boundary.policy.sources.policy import Policy, read_policy
from helm_receipts.envelope.statement import FINALITIES

from .reason_codes import REASON_CODES
from .test_runner import check_tests
from .unread_data import unread_names

if TYPE_CHECKING:
    from helm_boundary.policy.engines.opa_program import OpaProgram

    from .second_opinion import Opinion, Progress

SEVERITIES = frozenset({"low", "medium", "high", "critical"})
SPEAKS = re.compile(r"^(deny|escalate) contains\b", re.MULTILINE)
CODE = re.compile(r'"code":\s*"([^"]*)"')
# Text that is like code and like prose, and like neither: what a slow pattern is slow on.
SAMPLE = b"".join(
    hashlib.sha256(b"%d" % n).hexdigest().encode() + b" and aA1_-@.: " for n in range(850)
)
SLOW_SECONDS = 0.03
IMPORT = re.compile(
    r"^import[ \t]+((?:data|input)[\w.]*?(\w+))(?:[ \t]+as[ \t]+(\w+))?[ \t]*$", re.M
)


@dataclass(frozen=True, slots=True)
class Found:
    """One thing to say: ``level`` is error (the policy can't be used) or warning."""

    level: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a check: a policy that can be used at all, what was found, what OPA said.

    ``detectors`` counts those in force.
    """

    policy: Policy | None
    found: Sequence[Found]
    detectors: int = 0
    opinion: Opinion | None = None

    @property
    def sound(self) -> bool:
        """Whether nothing found is an error."""
        return not any(found.level == "error" for found in self.found)


def check_policy(
    folders: Sequence[Path],
    *,
    key: Path | None = None,
    deadline_ms: int = 1_000,
    opa: OpaProgram | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check the policy that the folders (or bundles) make, as the boundary would start with it.

    With an ``opa`` it is checked there too, and judges documents beside the embedded engine.
    """
    try:
        policy = read_policy(folders, key=key)
        detectors = compile_detectors(policy.detectors_text)
    except PolicyError as error:
        return Report(None, _errors(error))
    count = len(detectors.names)
    found = [*_trial(policy, deadline_ms), *_slow_detectors(detectors)]
    found += _unread_data(policy, folders, key)
    for folder in folders:
        found += _check_part(read_part(folder, key=key), read_part(folder, tests=True, key=key))
    if not any(one.level == "error" for one in found):
        found += [Found("error", problem) for problem in check_tests(folders, key=key)]
    if opa is None:
        return Report(policy, found, count)
    from .opa_check import check_in_opa
    from .second_opinion import ask_both

    found += [Found("error", problem) for problem in check_in_opa(opa, folders, key=key)]
    if any(one.level == "error" for one in found):
        return Report(policy, found, count)
    opinion = ask_both(policy, opa, progress=progress)
    return Report(policy, [*found, *_differences(opinion, opa)], count, opinion)


def _differences(opinion: Opinion, opa: OpaProgram) -> Iterator[Found]:
    if opinion.difference is not None:
        share = f"{opinion.different} of {opinion.judged} documents"
        yield Found(
            "error",
            f"{opa} decides otherwise on {share}: {opinion.difference}; write the rule without "
            "what they differ on (policies/README.md of the default policy lists what is known)",
        )


def _errors(error: PolicyError) -> list[Found]:
    return [Found("error", problem) for problem in error.problems]


def _unread_data(policy: Policy, folders: Sequence[Path], key: Path | None) -> Iterator[Found]:
    """Yield a warning for each name at the top of the folders' data that no rule reads."""
    for folder in folders:
        for place, name, hint in unread_names(policy, folder, read_part(folder, key=key)):
            yield Found("warning", f"{place}: data.{name} is read by no rule{hint}")


def _slow_detectors(detectors: Detectors) -> Iterator[Found]:
    for name, seconds in detectors.slowest(SAMPLE):
        if seconds > SLOW_SECONDS:
            cost = f"{seconds * 1e3:.1f} ms for a text of {len(SAMPLE) >> 10} KB"
            remedy = "bound its repetitions, or start it with something rare"
            yield Found("warning", f"detector {name} takes {cost}: {remedy}")


def _trial(policy: Policy, deadline_ms: int) -> list[Found]:
    try:
        start_embedded(policy, deadline_ms=deadline_ms).close()
    except PolicyError as error:
        return _errors(error)
    return []


def _check_part(part: Part, tests: Part) -> Iterator[Found]:
    for file, package in tests.packages.items():
        if package.split(".")[0] == "helm":
            yield Found(
                "warning",
                f"{file}:1: package {package} is part of what it tests: call it "
                f"{package.rsplit('.', 1)[-1].removesuffix('_test')}_test, outside of helm",
            )
    tested = {name.removesuffix("_test.rego") for name in tests.names.values()}
    for file, text in part.modules.items():
        yield from _check_codes(text, file)
        yield from _check_imports(text, file)
        if not part.packages[file].startswith("helm.rules."):
            continue
        yield from _check_metadata(text, file)
        if part.names[file].removesuffix(".rego") not in tested:
            test = Path(file).with_name(Path(file).stem + "_test.rego").name
            yield Found("warning", f"{file}:1: has no tests: write {test} beside it")


def _check_codes(text: str, file: str) -> Iterator[Found]:
    for match in CODE.finditer(text):
        if match[1] not in REASON_CODES:
            yield Found(
                "warning",
                f"{_place(text, file, match.start())}: {match[1]!r} is not in HELM's registry of "
                "reason codes: use one that is, or expect nobody else to know it",
            )


def _check_imports(text: str, file: str) -> Iterator[Found]:
    for match in IMPORT.finditer(text):
        name = match[3] or match[2]
        uses = len(re.findall(rf"\b{name}\b", text[match.end() :]))
        if not uses:
            yield Found(
                "error", f"{_place(text, file, match.start())}: {match[1]} is imported and not used"
            )


def _check_metadata(text: str, file: str) -> Iterator[Found]:
    try:
        blocks = read_metadata(text, file)
    except PolicyError as error:
        yield from _errors(error)
        return
    for match in SPEAKS.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        place = f"{file}:{line}"
        if line not in blocks:
            yield Found(
                "warning",
                f"{place}: {match[1]} has no METADATA above it: give its title, and under custom "
                "its id, code, finality and severity",
            )
            continue
        end = text.find("\n}", match.start())
        yield from _check_block(blocks[line], text[match.start() : end], place)


def _check_block(block: Metadata, rule: str, place: str) -> Iterator[Found]:
    custom = block.custom
    if not block.title:
        yield Found("warning", f"{place}: METADATA has no title")
    if not block.ids:
        yield Found("warning", f"{place}: METADATA has no custom.id")
    if custom.get("severity") not in SEVERITIES:
        known = ", ".join(sorted(SEVERITIES))
        yield Found("warning", f"{place}: custom.severity must be one of {known}")
    if custom.get("finality") not in FINALITIES:
        known = ", ".join(sorted(FINALITIES))
        yield Found("warning", f"{place}: custom.finality must be one of {known}")
    for member, said in (("code", [custom.get("code")]), ("rule", block.ids)):
        written = re.search(rf'"{member}":\s*"([^"]*)"', rule)
        if written and written[1] not in said:
            yield Found(
                "error",
                f"{place}: the rule says {member} {written[1]!r}, its METADATA says "
                f"{', '.join(map(repr, said)) or 'nothing'}: make them agree",
            )


def _place(text: str, file: str, position: int) -> str:
    return f"{file}:{text.count(chr(10), 0, position) + 1}"
