"""Where providers serve the API from: what may stand before an operation's own path."""

from __future__ import annotations

import re
from collections.abc import Iterator

from helm_boundary.calls.call import Operation

from .catalogue import known_operations

VERSION = re.compile(r"v[0-9]+(?:beta|alpha)?[0-9]*", re.IGNORECASE)
"""A segment that names an API's version."""


def in_catalogue(method: str, segments: list[str], query: str, governed: bool) -> Operation | None:
    """Return the operation at a path's end, below any root that providers serve the API from."""
    for rest in _below_roots(segments, governed):
        found = known_operations().find(method, rest, query)
        if found is not None:
            return found
    return None


def _below_roots(segments: list[str], governed: bool) -> Iterator[list[str]]:
    """Yield what follows each thing that may be a root: `/v1`, `/openai/deployments/{d}`, ..."""
    if governed:  # api.deepseek.com serves it from the top, and what has a version in its path
        yield segments
    folded = [segment.lower() for segment in segments]  # Azure doesn't tell letter cases apart
    for at, segment in enumerate(segments):
        rest = segments[at + 1 :]
        if VERSION.fullmatch(segment):
            yield rest
            if folded[at + 1 : at + 2] == ["openai"]:  # Gemini's /v1beta/openai/chat/completions
                yield rest[1:]
        elif folded[at : at + 2] == ["openai", "deployments"]:  # Azure, by deployment
            yield rest[2:]
        # Azure's dated API, /openai/responses?api-version=..., and that of a ChatGPT account.
        elif folded[at] == "openai" or segments[at - 1 : at + 1] == ["backend-api", "codex"]:
            yield rest
        elif folded[at] == "engines":  # the old way to name a model, which proxies still serve
            yield rest[1:]
    if segments[-2:] == ["chat", "completions"]:  # distinct enough without any root
        yield segments[-2:]
