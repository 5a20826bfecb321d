"""Data files, read so that they mean one thing only.

YAML lets one file mean different things to different readers: repeated keys, keys that
aren't strings, dates, infinities, aliases that multiply. All of these are refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

import yaml

from .errors import PolicyError

type Json = Any

MAX_DEPTH = 64
_TABS = "the line begins with a tab: indent it with spaces"


def parse_yaml(text: bytes, file: str) -> Json:
    """Parse YAML as a JSON value; PolicyError with file and line where it isn't one."""
    try:
        decoded = _utf8(text, file)
        _refuse_bombs(decoded)
        value = yaml.load(decoded, Loader=_Strict)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        why = _TABS if _starts_with_tab(text, line) else error.problem
        raise PolicyError(f"{file}:{line}: not the YAML we take: {why}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PolicyError(f"{file}: not YAML: {str(error).splitlines()[0]}") from None
    return value


def _starts_with_tab(text: bytes, line: int) -> bool:
    lines = [*text.split(b"\n"), b""]  # the end of the text is told as a line behind it
    return lines[min(line, len(lines)) - 1].lstrip(b" ").startswith(b"\t")


def parse_json(text: bytes, file: str) -> Json:
    """Parse JSON without repeated keys, NaN and infinities."""
    try:
        return json.loads(
            _utf8(text, file),
            object_pairs_hook=_unique,
            parse_constant=_constant,
            parse_float=_float,
        )
    except json.JSONDecodeError as error:
        raise PolicyError(f"{file}:{error.lineno}: not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{file}: not the JSON we take: {error}") from None


def parse_object(text: bytes, file: str) -> Mapping[str, Json]:
    """Parse a data file, YAML or JSON by its name; it must be an object."""
    value = parse_json(text, file) if file.endswith(".json") else parse_yaml(text, file)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PolicyError(f"{file}: expected an object at the top, found {type(value).__name__}")
    return value


def _utf8(text: bytes, file: str) -> str:
    if text.startswith(b"\xef\xbb\xbf"):
        raise PolicyError(f"{file}:1: starts with a byte order mark: save it as plain UTF-8")
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise PolicyError(f"{file}:{line}: not UTF-8: save it as UTF-8") from None


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value: dict[str, Json] = {}
    for key, item in pairs:
        if key in value:
            raise ValueError(f"the key {key!r} is there twice in one object")
        value[key] = item
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is out of range")
    return value


# The C parser is ten times as fast, which a data file of some megabytes needs.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Strict(_Base):  # type: ignore[misc]
    """A loader for YAML that says the same as JSON."""


def _refuse_bombs(text: str) -> None:
    """Refuse aliases, which multiply, and nesting that kills the parser.

    Ten lines of aliases can make a billion nodes. Events come without recursion, so they can be
    looked at before anything is built.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_Base):
        mark: Any = event.start_mark  # of one of two parsers
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="an alias (*name)", problem_mark=mark)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            problem = f"more than {MAX_DEPTH} levels of nesting"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[str, Json]:
    value: dict[str, Json] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            _refuse(key_node, f"the key {key_node.value!r} is not a string: put it in quotes")
        if key in value:
            _refuse(key_node, f"the key {key!r} is there twice")
        value[key] = loader.construct_object(value_node, deep=True)
    return value


def _finite(loader: Any, node: yaml.ScalarNode) -> float:
    value = float(yaml.SafeLoader.construct_yaml_float(loader, node))
    if not math.isfinite(value):
        _refuse(node, f"{node.value} is not a JSON number")
    return value


def _not_json(loader: Any, node: yaml.Node) -> NoReturn:
    _refuse(node, f"a value of type {node.tag}, which JSON lacks: put it in quotes")


def _refuse(node: yaml.Node, problem: str) -> NoReturn:
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


_Strict.add_constructor("tag:yaml.org,2002:map", _mapping)
_Strict.add_constructor("tag:yaml.org,2002:float", _finite)
for _tag in ("timestamp", "binary", "set", "omap", "pairs", "merge"):
    _Strict.add_constructor(f"tag:yaml.org,2002:{_tag}", _not_json)
