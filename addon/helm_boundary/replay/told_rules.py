"""Which rules of a policy can be asked about receipts: those that read only what these have."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from helm_boundary.policy.sources.folder import package_of
from helm_boundary.policy.sources.policy import Policy
from helm_boundary.policy.sources.settings import STATED

_TOLD = re.compile(
    r"phase|mode|model|models|provider|client(?:\.\w+)?|operation(?:\.\w+)?"
    r"|http(?:\.(?:method|scheme|host|port|path))?|context(?:\.now(?:_ns)?)?"
    r"|response(?:\.(?:status|model|finish_reasons|tool_calls))?"
    r"|server|tool_calls|response\.(?:tools|requests)"  # only MCP's calls have these
)
"""The members of the document that receipts have, and those that most calls lack."""
_READ = re.compile(r"\binput\.([a-z_]+(?:\.[a-z_]+)?)")
_OTHERWISE = re.compile(
    r"\binput\b(?!\.[a-z])"  # the document as a whole, or a member by a name that is a value
    r"|\.(?:arguments|arguments_text|valid_json|commands|files|complete|choice)\b"
    r'|"(?:arguments|arguments_text|valid_json|commands|files|complete|choice)"'
)
_START = re.compile(r"^(?=[A-Za-z_])", re.MULTILINE)
_COMMENT = re.compile(r"^\s*#.*\n?", re.MULTILINE)
_IMPORT = re.compile(r"import\s+data\.([\w.]+?)(?:\s+as\s+(\w+))?\s*$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_]\w*")
_PATH = re.compile(r"(?<![\w.])([A-Za-z_]\w*(?:\.\w+)*)")
_GOT = re.compile(r'\bobject\.get\(input, "(\w+)"')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`')
_SAID = re.compile(r'"rule":\s*"([^"]+)"')
_TOPICS = "helm.rules."
_OF_MCP = "helm.rules.mcp"
"""The topic on what MCP's messages say, of which nothing is in receipts."""
_STATEMENTS = frozenset({"package", "import", "default"})


def judged_by_receipts(policy: Policy) -> tuple[Policy, list[str]]:
    """Return the policy without the rules that receipts can't be judged by, and their ids."""
    untold = sorted(_stated(policy) - set(_told_rules(policy)))
    data: dict[str, Any] = dict(policy.data)
    data["rules"] = {**data.get("rules", {}), **dict.fromkeys(untold, "off")}
    for kind in ("principals", "groups"):
        if kind in data:
            data[kind] = {name: _without(one, untold) for name, one in data[kind].items()}
    return replace(policy, data=data), [each for each in untold if _effect(policy, each) != "off"]


def _without(one: Mapping[str, Any], rules: list[str]) -> dict[str, Any]:
    own = {rule: word for rule, word in one.get("rules", {}).items() if rule not in rules}
    return {**one, "rules": own}


def _effect(policy: Policy, rule: str) -> object:
    word = policy.data.get("rules", {}).get(rule)
    return "off" if word is False else word


def _stated(policy: Policy) -> set[str]:
    """Return the ids of all rules, those that are made up as they speak included."""
    return {
        name.strip()
        for file, text in policy.modules.items()
        if package_of(text, file).startswith(_TOPICS)
        for found in STATED.finditer(text)
        for name in (found[1] or found[2]).split(",")
    }


def _told_rules(policy: Policy) -> Iterator[str]:
    pieces, imports = _pieces(policy.modules)
    for package, named in pieces.items():
        for texts in () if package == _OF_MCP else named.values():
            for text in texts:
                ids = _SAID.findall(text)
                if ids and all(_is_told(each) for each in _reached(package, text, pieces, imports)):
                    yield from ids


def _is_told(text: str) -> bool:
    text = _GOT.sub(r"object.get(input.\1", text)
    return not _OTHERWISE.search(text) and all(map(_TOLD.fullmatch, _READ.findall(text)))


type _Pieces = Mapping[str, Mapping[str, list[str]]]


def _pieces(modules: Mapping[str, str]) -> tuple[_Pieces, Mapping[str, Mapping[str, str]]]:
    """Cut modules into their rules, by package and name; and say what each package imports."""
    pieces: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    imports: dict[str, dict[str, str]] = defaultdict(dict)
    for file, text in modules.items():
        package = package_of(text, file)
        for whole, alias in _IMPORT.findall(text):
            imports[package][alias or whole.rpartition(".")[2]] = whole
        for piece in _START.split(_COMMENT.sub("", text)):
            name = _NAME.match(piece)
            if name and name[0] not in _STATEMENTS:
                pieces[package][name[0]].append(piece)
    return pieces, imports


def _reached(
    package: str, text: str, pieces: _Pieces, imports: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """Yield a rule's text and those of all that it calls, in its package and in what it imports."""
    waiting, seen = [(package, text)], {text}
    while waiting:
        where, piece = waiting.pop()
        yield piece
        for each in _called(where, piece, pieces, imports):
            if each[1] not in seen:
                seen.add(each[1])
                waiting.append(each)


def _called(
    package: str, text: str, pieces: _Pieces, imports: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, str]]:
    """Yield the rules that a rule names, each with its package; a rule's own name is no call."""
    paths = _PATH.findall(_STRING.sub('""', text))
    for path in set(paths[1:]) - {paths[0]}:
        head, _, rest = path.partition(".")
        whole = imports.get(package, {}).get(head)
        if whole is not None:
            path = f"data.{whole}.{rest}"
        elif head != "data":
            path = f"data.{package}.{path}"
        yield from _at(path.removeprefix("data."), pieces)


def _at(path: str, pieces: _Pieces) -> Iterator[tuple[str, str]]:
    """Yield the rules at a path in data; all of a package that is named as a whole."""
    for package, named in pieces.items():
        if f"{path}.".startswith(f"{package}."):
            name = path[len(package) + 1 :].partition(".")[0]
            found = [named.get(name, ())] if name else named.values()
            yield from ((package, each) for texts in found for each in texts)
