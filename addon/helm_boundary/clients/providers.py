"""Providers whose clients take a base URL from the environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Provider:
    """An origin, and the variables that point its clients elsewhere, each with its path there."""

    origin: str
    variables: Mapping[str, str]


PROVIDERS = (
    Provider(
        "https://api.openai.com",
        # OPENAI_API_BASE: aider, LiteLLM, LangChain and version 0 of the SDK.
        {"OPENAI_BASE_URL": "/v1", "OPENAI_API_BASE": "/v1"},
    ),
    Provider("https://api.anthropic.com", {"ANTHROPIC_BASE_URL": "", "ANTHROPIC_API_BASE": ""}),
    Provider("https://api.groq.com", {"GROQ_BASE_URL": ""}),
    Provider("https://generativelanguage.googleapis.com", {"GOOGLE_GEMINI_BASE_URL": ""}),
)

_ONLY_IF_SET = ("AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE")
"""These have no address that everybody shares."""


@dataclass(frozen=True, slots=True)
class Redirection:
    """A reverse listener's target, and what its variables hold behind the listener's address."""

    origin: str
    variables: Mapping[str, str]


def redirections(environment: Mapping[str, str]) -> list[Redirection]:
    """Return the reverse listeners that a program needs, one for each origin.

    A variable that the environment sets already keeps its target and path: the boundary only
    comes in between.
    """
    paths: dict[str, dict[str, str]] = {}
    for origin, name, path in _targets(environment):
        paths.setdefault(origin, {})[name] = path
    return [Redirection(origin, variables) for origin, variables in paths.items()]


def _targets(environment: Mapping[str, str]) -> Iterable[tuple[str, str, str]]:
    defaults = [(p.origin, name, path) for p in PROVIDERS for name, path in p.variables.items()]
    for origin, name, path in [*defaults, *[("", name, "") for name in _ONLY_IF_SET]]:
        address = urlsplit(environment.get(name, ""))
        if address.scheme in ("http", "https") and address.netloc:
            yield f"{address.scheme}://{address.netloc}", name, address.path.rstrip("/")
        elif origin:
            yield origin, name, path
