"""Everything that can be said about a policy without traffic: ``policy check``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helm_boundary.policy.detectors.detectors import Detectors, compile_detectors
from helm_boundary.policy.engines.embedded import start_embedded
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.detector_place import placed
from helm_boundary.policy.sources.folder import DETECTOR_FILE, read_part
from helm_boundary.policy.sources.policy import Policy, read_policy
from helm_boundary.policy.sources.unread_members import reads_all

from .kept_lists import kept_lists
from .mistakes import check_mistakes
from .module_checks import Found, check_part
from .silent_detectors import silent_detectors
from .test_runner import check_tests
from .unread_data import unread_names

if TYPE_CHECKING:
    from helm_boundary.policy.engines.opa_program import OpaProgram

    from .second_opinion import Opinion, Progress

# Text that is like code and like prose, and like neither: what a slow pattern is slow on.
SAMPLE = b"".join(
    hashlib.sha256(b"%d" % n).hexdigest().encode() + b" and aA1_-@.: " for n in range(850)
)
SLOW_SECONDS = 0.03
LEFT_OUT = (
    "`opa build -b` leaves a detectors.yaml out of a bundle, without a word: build without -b, or "
    "write them as data.detectors"
)
COSTLY = (
    "takes the whole of input, so that each call pays for every message and text in it: name what "
    "it looks into, as in input.texts"
)
GUARD = (
    "a value that a built-in can't take ends the evaluation here, and is undefined in OPA: test it "
    "before, as in is_string(x)"
)
AVOID = (
    "write the rule without what they differ on (the default policy's README.md lists what is "
    "known)"
)


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
        return not self.errors

    @property
    def errors(self) -> int:
        """How many errors were found."""
        return sum(found.level == "error" for found in self.found)

    @property
    def warnings(self) -> int:
        """How many warnings were found."""
        return sum(found.level == "warning" for found in self.found)


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
        return Report(None, _errors(placed(error, folders)))
    count = len(detectors.names)
    found = [*_trial(policy, deadline_ms), *_slow_detectors(detectors)]
    found += [Found("warning", x) for x in silent_detectors(policy, detectors.names, folders)]
    found += _unread_data(policy, folders, key)
    found += _left_out(policy, folders)
    parts = [read_part(folder, key=key) for folder in folders]
    found += [Found("note", said) for said in kept_lists(policy, folders, parts)]
    for folder, part in zip(folders, parts, strict=True):
        found += check_part(part, read_part(folder, tests=True, key=key))
        for file, text in part.modules.items():
            found += check_mistakes(text, file, detectors.names)
            if reads_all(text):
                found.append(Found("note", f"{file}: {COSTLY}"))
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
        remedy = GUARD if opinion.difference.fails_here else AVOID
        yield Found("error", f"{opa} decides otherwise on {share}: {opinion.difference}; {remedy}")


def _errors(error: PolicyError) -> list[Found]:
    return [Found("error", problem) for problem in error.problems]


def _unread_data(policy: Policy, folders: Sequence[Path], key: Path | None) -> Iterator[Found]:
    """Yield a warning for each name at the top of the folders' data that no rule reads."""
    for folder in folders:
        for place, name, hint in unread_names(policy, folder, read_part(folder, key=key)):
            yield Found("warning", f"{place}: data.{name} is read by no rule{hint}")


def _left_out(policy: Policy, folders: Sequence[Path]) -> Iterator[Found]:
    """Yield a note where `opa build -b` has left detectors out, perhaps, or will."""
    for uri in policy.without_detectors:
        yield Found("note", f"{uri}: brings no detectors; {LEFT_OUT}")
    for folder in folders:
        if (folder / DETECTOR_FILE).is_file():
            yield Found("note", f"{folder / DETECTOR_FILE}: {LEFT_OUT}")


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
