"""A proposal for data.yaml, from calls that were recorded: ``policy learn``."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .recorded import RecordedCall

HEAD = """\
# A proposal, from {calls} recorded calls: what was seen, not what is right. Read every line,
# delete what should not be, and put the file into your policy folder as data.yaml.
"""


def learn_data(calls: Iterable[RecordedCall]) -> str:
    """Return YAML text with the calls' models, hosts, operations and tools, most used first."""
    seen = list(calls)
    models = Counter(call.read.call.model for call in seen if call.read.call.model)
    hosts = Counter(call.host for call in seen)
    operations = Counter(
        call.read.operation.id
        for call in seen
        if call.read.operation.category not in ("inference", "meta", "unknown")
    )
    tools: Counter[str] = Counter()
    shapes: dict[str, set[str]] = defaultdict(set)
    for call in seen:
        for tool_call in call.answer.tool_calls if call.answer else ():
            tools[tool_call.name] += 1
            shapes[tool_call.name].add(_shape(tool_call.arguments))
    sections = [
        ("models", {"allow": models, "allow_prefixes": Counter()}),
        ("hosts", {"allow": hosts}),
        ("operations", {"allow": operations}),
        ("tools", {"allow": tools}),
    ]
    lines = [HEAD.format(calls=len(seen))]
    for name, lists in sections:
        lines.append(f"{name}:\n")
        lines += _lists(lists, shapes)
    return "".join(lines)


def _lists(lists: Mapping[str, Counter[str]], shapes: Mapping[str, set[str]]) -> Iterator[str]:
    for name, counts in lists.items():
        if not counts:
            yield f"  {name}: []\n"
            continue
        yield f"  {name}:\n"
        for value, count in counts.most_common():
            # JSON strings are YAML strings, whatever is in them.
            yield f"    - {_string(value)}  # {count} calls\n"
            for shape in sorted(shapes.get(value, ())):
                yield f"      # arguments: {shape}\n"


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
