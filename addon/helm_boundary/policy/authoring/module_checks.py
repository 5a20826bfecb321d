"""What a module of a policy says, and whether its METADATA and its tests say so too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.folder import Part
from helm_boundary.policy.sources.metadata import Metadata, read_metadata
from helm_receipts.envelope.statement import FINALITIES

from .reason_codes import REASON_CODES

SEVERITIES = frozenset({"low", "medium", "high", "critical"})
SPEAKS = re.compile(r"^(deny|escalate) contains\b", re.MULTILINE)
CODE = re.compile(r'"code":\s*"([^"]*)"')
FINALITY = re.compile(r'"finality":\s*"([^"]*)"')
# What a rule adds: a text or a number, or an object that ends in front of its if.
WRITTEN = re.compile(r"\s*(?:([\"`\d\[])|\{[^{}]*\}(?=\s+if\b|\s*$))")
REASON = ("rule", "code", "message", "finality")
IMPORT = re.compile(
    r"^import[ \t]+((?:data|input)[\w.]*?(\w+))(?:[ \t]+as[ \t]+(\w+))?[ \t]*$", re.M
)


@dataclass(frozen=True, slots=True)
class Found:
    """One thing to say: ``level`` is error (the policy can't be used), warning or note."""

    level: str
    message: str


def check_part(part: Part, tests: Part) -> Iterator[Found]:
    """Yield what is wrong with a part's modules, by file and line."""
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
        yield from _check_finalities(text, file)
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


def _check_finalities(text: str, file: str) -> Iterator[Found]:
    for match in FINALITY.finditer(text):
        if match[1] not in FINALITIES:
            place = _place(text, file, match.start())
            yield Found("error", f"{place}: {_no_finality(match[1], 'a reason')}")


def _no_finality(word: object, where: str) -> str:
    known = ", ".join(sorted(FINALITIES))
    near = get_close_matches(str(word), FINALITIES, 1)
    hint = f"did you mean {near[0]}? There are {known}" if near else f"expected one of {known}"
    return f"{where} has the finality {word!r}, so it would be no decision, which denies: {hint}"


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
        yield from (Found("error", problem) for problem in error.problems)
        return
    for match in SPEAKS.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        place = f"{file}:{line}"
        yield from _check_reason(text[match.end() :], match[1], place)
        if line not in blocks:
            yield Found(
                "warning",
                f"{place}: {match[1]} has no METADATA above it: give its title, and under custom "
                "its id, code, finality and severity",
            )
            continue
        end = text.find("\n}", match.start())
        yield from _check_block(blocks[line], text[match.start() : end], place)


def _check_reason(said: str, name: str, place: str) -> Iterator[Found]:
    """Look at what a rule adds, where that is written out: only an object is a reason."""
    added = WRITTEN.match(said)
    if added is None:
        return
    missing = [member for member in REASON if f'"{member}"' not in added[0]]
    if added[1] or missing:
        what = "an object" if added[1] else ", ".join(missing)
        example = ", ".join(f'"{member}": …' for member in REASON)
        yield Found(
            "error",
            f"{place}: {name} lacks {what}, so it would be no decision, which denies everything: "
            f"write {name} contains {{{example}}}",
        )


def _check_block(block: Metadata, rule: str, place: str) -> Iterator[Found]:
    custom = block.custom
    if not block.title:
        yield Found("warning", f"{place}: METADATA has no title")
    if not block.ids:
        yield Found("warning", f"{place}: METADATA has no custom.id")
    if custom.get("severity") not in SEVERITIES:
        known = ", ".join(sorted(SEVERITIES))
        yield Found("warning", f"{place}: custom.severity must be one of {known}")
    if "finality" not in custom:
        known = ", ".join(sorted(FINALITIES))
        yield Found("warning", f"{place}: METADATA has no custom.finality: it is one of {known}")
    elif custom["finality"] not in FINALITIES:
        yield Found("error", f"{place}: {_no_finality(custom['finality'], 'METADATA')}")
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
