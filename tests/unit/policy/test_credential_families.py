"""Every family of credentials is found, what only looks like one isn't.

`prompts/credentials.txt` has three made-up credentials (+) and three near-misses (-) for each
detector of credentials. They were drawn at random and are cut by dots, so that nobody's scanner
takes the file for a leak. Both rates are printed (``pytest -s``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helm_boundary.calls.call import Text
from helm_boundary.policy.detectors.detectors import compile_detectors
from helm_boundary.policy.sources.policy import read_policy

DETECTORS = compile_detectors(read_policy([]).detectors_text)
FILE = Path(__file__).parent / "prompts" / "credentials.txt"
CUT, LINE, RETURN = "·", "⏎", "␍"
AROUND = (
    "{}",
    "Why does this not work?\n\n{}\n",
    'run("{}", timeout=5)',
    "It was `{}` until yesterday.",
    '{{"note": "{}", "n": 1}}',
    '{{"content": "line 1\\n{}\\nline 3"}}',
)


def read_families() -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield detectors with their credentials and their near-misses."""
    name, kinds = "", {"+": list[str](), "-": list[str]()}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        kind, _, text = line.partition(" ")
        if kind in kinds:
            joined = text.replace(CUT, "").replace(LINE, "\n").replace(RETURN, "\r")
            kinds[kind].append(joined)
            continue
        if name:
            yield name, kinds["+"], kinds["-"]
        name, kinds = line, {"+": [], "-": []}
    yield name, kinds["+"], kinds["-"]


FAMILIES = {name: (credentials, misses) for name, credentials, misses in read_families()}


def found(text: str) -> set[str]:
    return {each.detector for each in DETECTORS.scan([Text("/t", "user", text)])}


def test_every_family_has_three_of_each() -> None:
    """A detector without a case is one that nobody has seen work."""
    assert [*FAMILIES] == [name for name in DETECTORS.names if name.startswith("secret.")]
    few = [name for name, kinds in FAMILIES.items() if [*map(len, kinds)] != [3, 3]]
    assert few == []
    assert len(FAMILIES) >= 250


def test_credentials_of_every_family_are_found() -> None:
    """As they are, on a line of their own, in code, in prose, in JSON and behind its escapes."""
    cases = [
        (name, around.format(credential))
        for name, (credentials, _) in FAMILIES.items()
        for credential in credentials
        for around in AROUND
        if "\n" not in credential or around.startswith(("{}", "Why"))
    ]
    missed = [(name, text) for name, text in cases if name not in found(text)]
    print(f"\nmade-up credentials missed: {len(missed)} of {len(cases)}")
    assert missed == []


def test_near_misses_of_no_family_are_found() -> None:
    """Too short, another beginning, or a placeholder: not by the detector that they resemble."""
    cases = [(name, text) for name, (_, misses) in FAMILIES.items() for text in misses]
    taken = [(name, text) for name, text in cases if name in found(text)]
    print(f"\nnear-misses taken for credentials: {len(taken)} of {len(cases)}")
    assert taken == []


@pytest.mark.parametrize("filling", ["x", "X", "0", "*"])
def test_a_held_down_key_is_no_credential(filling: str) -> None:
    """Whatever the family: documentation has such, with the right beginning and length."""
    taken = []
    for name, (credentials, _) in FAMILIES.items():
        body = credentials[0]
        held = body[:5] + "".join(filling if c.isalnum() else c for c in body[5:])
        if name in found(held):
            taken.append((name, held))
    assert taken == []
