"""A policy judged by both engines: whatever they decide differently must not go live."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import jsonschema

from helm_boundary.policy.decision import Decision
from helm_boundary.policy.engines.embedded import start_embedded
from helm_boundary.policy.engines.engine import Engine
from helm_boundary.policy.engines.opa_engine import OpaEngine, Sources
from helm_boundary.policy.engines.opa_program import OpaProgram
from helm_boundary.policy.engines.smoke_test import SAMPLES
from helm_boundary.policy.errors import EngineError
from helm_boundary.policy.sources.default_folder import default_policy_folder
from helm_boundary.policy.sources.policy import Policy

from .documents import Author
from .shrinking import shrink
from .words import words_of

DOCUMENTS = 400  # beside the samples
SEED = 1  # the same documents each time: what was sound yesterday is today
SECONDS = 60.0  # for all of them
SHRINK_SECONDS = 10.0
DEADLINE_MS = 5_000  # for each, on a machine that is busy

type Kind = Literal["silent", "loud"]
"""Whether both engines have a decision, or one of them has none."""

type Progress = Callable[[int, int], None]
"""Told how many documents were judged, and of how many."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A document, as small as it was found, and what each engine makes of it."""

    document: Mapping[str, Any]
    here: str
    in_opa: str
    fails_here: bool = False

    def __str__(self) -> str:
        text = json.dumps(self.document, ensure_ascii=False)
        return f"{self.here} here and {self.in_opa} in OPA for this document: {text}"


@dataclass(frozen=True, slots=True)
class Opinion:
    """How many documents were judged twice, on how many the engines differ, and on one of them."""

    judged: int
    different: int
    difference: Difference | None


def ask_both(
    policy: Policy, opa: OpaProgram, *, count: int = DOCUMENTS, progress: Progress | None = None
) -> Opinion:
    """Judge the self-test's samples and generated documents in both engines.

    Raises PolicyError where one of them doesn't take the policy.
    """
    with _both(policy, opa) as engines:
        documents = list(chain(SAMPLES.values(), generated(policy, count)))
        until = time.monotonic() + SECONDS
        judged = 0
        different: list[tuple[Kind, Mapping[str, Any]]] = []
        for document in documents:
            if (kind := _difference(engines, document)) is not None:
                different.append((kind, document))
            judged += 1
            if progress is not None:
                progress(judged, len(documents))
            if time.monotonic() > until:
                break
        # Two decisions are worse than none and one, which ends in DENY.
        worst = min(different, key=lambda found: found[0] != "silent", default=None)
        shown = _shown(engines, *worst) if worst else None
    return Opinion(judged, len(different), shown)


def generated(policy: Policy, count: int, seed: int = SEED) -> Iterator[dict[str, Any]]:
    """Yield documents for a policy: by the document's schema, in the policy's own words."""
    default = str(default_policy_folder())
    own = {file: text for file, text in policy.modules.items() if not file.startswith(default)}
    words = words_of((own or policy.modules).values(), policy.data)
    yield from Author(_schema(), words, seed).documents(count)


@contextmanager
def _both(policy: Policy, opa: OpaProgram) -> Iterator[Sequence[Engine]]:
    here = start_embedded(policy, deadline_ms=DEADLINE_MS)
    try:
        there = OpaEngine(opa, policy, Sources.of(policy), DEADLINE_MS / 1_000)
        try:
            yield here, there
        finally:
            there.close()
    finally:
        here.close()


def _difference(engines: Sequence[Engine], document: Mapping[str, Any]) -> Kind | None:
    here, there = (_decision(engine, document) for engine in engines)
    if _known(here) == _known(there):
        return None
    return "loud" if _known(here) is None or _known(there) is None else "silent"


def _decision(engine: Engine, document: Mapping[str, Any]) -> Decision | EngineError:
    try:
        return engine.decide_now(json.dumps(document).encode())
    except EngineError as error:
        return error


def _known(said: Decision | EngineError) -> Decision | None:
    """Return the decision; None for each way to have none, which all end in DENY."""
    return said if isinstance(said, Decision) else None


def _shown(engines: Sequence[Engine], kind: Kind, document: Mapping[str, Any]) -> Difference:
    valid = jsonschema.Draft202012Validator(_schema()).is_valid
    until = time.monotonic() + SHRINK_SECONDS

    def shows(smaller: dict[str, Any]) -> bool:
        is_tried = time.monotonic() < until and valid(smaller)
        return is_tried and _difference(engines, smaller) == kind

    smallest = shrink(dict(document), shows)
    here, there = (_decision(engine, smallest) for engine in engines)
    return Difference(smallest, _in_words(here), _in_words(there), isinstance(here, EngineError))


def _in_words(said: Decision | EngineError) -> str:
    if isinstance(said, EngineError):
        return f"no decision ({said})"
    reasons = [reason.rule for reason in said.reasons]
    reasons += [f"observed {reason.rule}" for reason in said.observed]
    reasons += [f"rewrite {operation['op']}" for operation in said.rewrite]
    return f"{said.verdict} ({', '.join(reasons)})" if reasons else said.verdict


def _schema() -> Mapping[str, Any]:
    schema: Mapping[str, Any] = json.loads(
        (default_policy_folder() / "input.schema.json").read_bytes()
    )
    return schema
