"""A proposal for data.yaml, from calls that were seen: ``policy learn``."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .recorded import RecordedCall

HEAD = """\
# A proposal, from {calls} in {source}: what was seen, not what is right. Read every line,
# delete what should not be, and put the file into your policy folder as data.yaml.
"""
_COMMON = ("inference", "meta", "unknown")
"""Categories that the default policy allows whole, or that nobody should allow by the id."""


@dataclass(frozen=True, slots=True)
class SeenCall:
    """What is learnt from one call; `tools` are names with the shape of the arguments, if known."""

    model: str | None
    host: str
    operation: str
    category: str
    tools: tuple[tuple[str, str | None], ...] = ()
    principal: str | None = None


def seen_in(call: RecordedCall) -> SeenCall:
    """Return what a recorded call tells."""
    operation = call.read.operation
    calls = call.answer.tool_calls if call.answer else ()
    tools = tuple((each.name, _shape(each.arguments)) for each in calls)
    return SeenCall(call.read.call.model, call.host, operation.id, operation.category, tools)


def learn_data(calls: Iterable[SeenCall], source: str = "a recording", servers: str = "") -> str:
    """Return YAML text with the calls' models, hosts, operations and tools, most used first.

    `servers` is YAML text about MCP servers. Tools stay last, for people append to them.
    """
    seen = list(calls)
    models = Counter(call.model for call in seen if call.model)
    hosts = Counter(call.host for call in seen)
    operations = Counter(call.operation for call in seen if call.category not in _COMMON)
    tools: Counter[str] = Counter()
    shapes: dict[str, set[str]] = defaultdict(set)
    for name, shape in (tool for call in seen for tool in call.tools):
        tools[name] += 1
        if shape is not None:
            shapes[name].add(shape)
    sections = [
        ("models", {"allow": models, "allow_prefixes": Counter()}),
        ("hosts", {"allow": hosts}),
        ("operations", {"allow": operations}),
        ("tools", {"allow": tools}),
    ]
    lines = [HEAD.format(calls=_counted(len(seen)), source=source), *_callers(seen), servers]
    for name, lists in sections:
        lines.append(f"{name}:\n")
        lines += _lists(lists, shapes)
    return "".join(lines)


def _callers(seen: Iterable[SeenCall]) -> Iterator[str]:
    """Yield comments on who called, to be used in principals or groups."""
    names = Counter(call.principal for call in seen if call.principal)
    for name, count in names.most_common():
        yield f"# principal {_string(name)}: {_counted(count)}\n"


def _lists(lists: Mapping[str, Counter[str]], shapes: Mapping[str, set[str]]) -> Iterator[str]:
    for name, counts in lists.items():
        if not counts:
            yield f"  {name}: []\n"
            continue
        yield f"  {name}:\n"
        for value, count in counts.most_common():
            # JSON strings are YAML strings, whatever is in them.
            yield f"    - {_string(value)}  # {_counted(count)}\n"
            for shape in sorted(shapes.get(value, ())):
                yield f"      # arguments: {shape}\n"


def _counted(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"


def _shape(value: Any) -> str:
    """Describe the members of an object by their types, never by their values."""
    if isinstance(value, dict):
        members = (f"{_string(key)}: {_kind(item)}" for key, item in sorted(value.items()))
        return f"{{{', '.join(members)}}}"
    return _kind(value)


def _kind(value: Any) -> str:
    for kind, name in KINDS:
        if isinstance(value, kind):
            return name
    return "null"


# A boolean is an int in Python, so it comes first.
KINDS: Sequence[tuple[type, str]] = (
    (bool, "boolean"),
    (int, "number"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


def _string(value: str) -> str:
    """Quote a string so that JSON and YAML read the same: YAML has more line ends."""
    text = json.dumps(value, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff]", lambda found: f"\\u{ord(found[0]):04x}", text)
