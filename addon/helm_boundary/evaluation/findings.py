"""What the detectors find in a call: in its texts, and outside of its body."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from helm_boundary.calls.call import Call, HttpRequest
from helm_boundary.calls.refusal import Refusal
from helm_boundary.policy.detectors.detectors import Detectors, Finding

from .http_texts import PATH, QUERY, SUBPROTOCOLS, http_texts, items_outside

_REMEMBERED = 4_096
_SHORT = 256
"""Characters of a value that is remembered: what is longer seldom comes again."""

_MAY_HOLD_KEYS = frozenset({QUERY, SUBPROTOCOLS})
"""What isn't remembered: credentials may stand in it beside other things."""

_NAME = re.compile(
    r"(?:/(?:function|custom|functionCall|function_call|toolUse|toolSpec))?/(?:name|server_label)"
)
"""Where the name of a tool, or of its call, is below the object that it is."""
_CHOICE = re.compile(r"/(?:tool_choice|function_call)(?:/(?:function|custom))?/name")


def find_in_call(detectors: Detectors, call: Call) -> list[Finding]:
    """Return the findings in a request's texts; a tool's name is a name and not a text."""
    found = detectors.scan(call.texts)
    if not found:
        return found
    tools = {*_tools(call)}
    return [replace(each, place="name") if _is_name(each, tools) else each for each in found]


def _tools(call: Call) -> Iterator[str]:
    for tool in call.tools:
        yield tool.pointer
    for message in call.messages:
        for told in message.tool_calls:
            yield told.pointer


def _is_name(found: Finding, tools: set[str]) -> bool:
    if found.place != "text":
        return False
    if _CHOICE.fullmatch(found.pointer):
        return True
    at = _NAME.search(found.pointer)
    while at is not None:
        if at.end() == len(found.pointer) and found.pointer[: at.start()] in tools:
            return True
        at = _NAME.search(found.pointer, at.start() + 1)
    return False


class OutsideScan:
    """Detectors over what stands outside of a body; what had no finding is remembered.

    Most clients send the same headers with each call, so that most of a call's were seen before.
    """

    def __init__(self, detectors: Detectors) -> None:
        self._detectors = detectors
        self._clean: set[tuple[str, str]] = set()

    def scan(self, request: HttpRequest) -> list[Finding]:
        """Return the findings in a request's path, query and headers.

        Raises:
            Refusal: JSON in them is nested deeper than can be read.
        """
        found: list[Finding] = []
        clean = self._clean
        for item in items_outside(request):
            if item not in clean:  # asked here, too: a call of nothing costs more than the question
                found += self._scan(item)
        return found

    def _scan(self, item: tuple[str, str]) -> list[Finding]:
        name, value = item
        texts = [*http_texts(name, value)]
        found = self._detectors.scan(texts)
        is_short = len(name) + len(value) <= _SHORT
        if texts and not found and is_short and name.lower() not in _MAY_HOLD_KEYS:
            if len(self._clean) >= _REMEMBERED:
                self._clean.clear()
            self._clean.add(item)
        return [*dict.fromkeys(found)]

    def clean_path(self, path: str) -> str:
        """Return a path in which what was found is only named, for where no content may be."""
        if self.named(PATH, path) == path:
            return path
        segments = [self.named(PATH, segment) for segment in path.split("/")]
        return "/" + self.named(PATH, "/".join(segments)).removeprefix("/")

    def named(self, name: str, value: str) -> str:
        """Return a value, or the detector's name where something is found in it."""
        item = (name, value)
        try:
            found = [] if item in self._clean else self._scan(item)
        except Refusal:
            return "(unread)"
        return f"({found[0].detector})" if found else value
