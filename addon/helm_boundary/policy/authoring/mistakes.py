"""Mistakes in a module that leave a rule silent, or without a decision: found in its text."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches

import re2

from .module_checks import Found

_RULE = re.compile(r"^(?=[A-Za-z_])", re.MULTILINE)
_DETECTOR = re.compile(r'\.detector\s*==\s*"([^"\n]+)"|"([^"\n]+)"\s*==\s*\w+\.detector\b')
_PATTERN = re.compile(
    r"\bregex\.(?:match|find_n|find_all_string_submatch_n|replace|split|is_valid)\(\s*"
    r'(?:"((?:[^"\\\n]|\\.)*)"|`([^`]*)`)'
)
_PHASE = re.compile(r'\binput\.phase\s*==\s*"(\w+)"')
_PHASES = ("request", "response")


def check_mistakes(text: str, file: str, detectors: Collection[str]) -> Iterator[Found]:
    """Yield what is wrong in a module, with file and line and what to do."""
    yield from _check_detectors(text, file, detectors)
    yield from _check_patterns(text, file)
    yield from _check_phases(text, file)


def _check_detectors(text: str, file: str, detectors: Collection[str]) -> Iterator[Found]:
    for found in _DETECTOR.finditer(text):
        name = found[1] or found[2]
        if name not in detectors:
            near = get_close_matches(name, detectors, 1)
            hint = f"did you mean {near[0]}?" if near else "detectors.yaml can add one"
            said = f"no detector is called {name}, so this never holds: {hint}"
            yield Found("warning", f"{_place(text, file, found.start())}: {said}")


def _check_patterns(text: str, file: str) -> Iterator[Found]:
    options = re2.Options()
    options.log_errors = False
    for found in _PATTERN.finditer(text):
        try:
            pattern = found[2] if found[1] is None else json.loads(f'"{found[1]}"')
            re2.compile(pattern, options)
        except (re2.error, ValueError) as error:
            said = f"the pattern is not one that RE2 can run, so nothing is decided: {_why(error)}"
            remedy = "mend it; look-around and references back are not in RE2"
            yield Found("error", f"{_place(text, file, found.start())}: {said}: {remedy}")


def _check_phases(text: str, file: str) -> Iterator[Found]:
    at = 0
    for rule in _RULE.split(text):
        if set(_PHASES) <= set(_PHASE.findall(rule)) and " else " not in rule:
            last = [found.start() for found in _PHASE.finditer(rule)][-1]
            yield Found(
                "warning",
                f"{_place(text, file, at + last)}: input.phase is one of request and response, and "
                "this rule wants both, so it never speaks: write a rule for each",
            )
        at += len(rule)


def _why(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return (said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said))[:100]


def _place(text: str, file: str, position: int) -> str:
    return f"{file}:{text.count(chr(10), 0, position) + 1}"
