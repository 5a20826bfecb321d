"""Governed hosts: where every request is a call."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

DEFAULT_HOSTS = (
    "api.openai.com",
    "*.api.openai.com",
    "*.openai.azure.com",
    "*.services.ai.azure.com",
    "*.cognitiveservices.azure.com",
    "api.anthropic.com",
    "openrouter.ai/api/",
    "api.groq.com",
    "api.together.xyz",
    "api.mistral.ai",
    "api.deepseek.com",
    "api.fireworks.ai",
    "api.x.ai",
    "api.perplexity.ai",
    "api.cerebras.ai",
    "generativelanguage.googleapis.com",
)
"""The known providers of OpenAI-compatible APIs; `helm_hosts` replaces the list."""

_PROVIDERS = {
    "api.openai.com": "openai",
    "openai.azure.com": "azure",
    "services.ai.azure.com": "azure",
    "cognitiveservices.azure.com": "azure",
    "api.anthropic.com": "anthropic",
    "openrouter.ai": "openrouter",
    "api.groq.com": "groq",
    "api.together.xyz": "together",
    "api.mistral.ai": "mistral",
    "api.deepseek.com": "deepseek",
    "api.fireworks.ai": "fireworks",
    "api.x.ai": "xai",
    "api.perplexity.ai": "perplexity",
    "api.cerebras.ai": "cerebras",
    "generativelanguage.googleapis.com": "google",
}


class HostPatternError(ValueError):
    """A pattern in `helm_hosts` that isn't `[*.]name[:port][/prefix]`."""


@dataclass(frozen=True, slots=True)
class HostPattern:
    """`[*.]name[:port][/prefix]`; `*.` stands for one or more labels, a prefix for a path."""

    name: str
    any_label: bool
    port: int | None
    prefix: str

    def matches(self, host: str, port: int, path: str) -> bool:
        """Whether a request to this host, port and path is governed."""
        named = host.endswith("." + self.name) if self.any_label else host == self.name
        return named and self.port in (None, port) and (path + "/").startswith(self.prefix or "/")


def parse_host_pattern(text: str) -> HostPattern:
    """Read one pattern; names are compared in lower case, without a final dot.

    Raises:
        HostPatternError: with what is wrong.
    """
    authority, slash, prefix = text.strip().partition("/")
    name, port = split_port(authority)
    any_label = name.startswith("*.")
    name = canonical_host(name.removeprefix("*."))
    if not name or "*" in name or "//" in text or (port is not None and not 0 < port < 65536):
        raise HostPatternError(
            f"{text!r} is no host pattern; expected [*.]name[:port][/prefix], as in *.example.com"
        )
    return HostPattern(name, any_label, port, slash + prefix)


def split_port(authority: str) -> tuple[str, int | None]:
    """An authority's host and port, the port None where there is none (RFC 3986 section 3.2)."""
    host, colon, port = authority.rpartition(":")
    if (
        not colon
        or not port.isascii()
        or not port.isdigit()
        or (host.count(":") and host[-1] != "]")
    ):
        return authority.strip("[]"), None
    return host.strip("[]"), int(port)


@lru_cache(maxsize=1024)
def canonical_host(host: str) -> str:
    """A host as it is compared: lower case, no final dot, no brackets, one form of an address.

    `127.1`, `0x7f000001` and `::ffff:127.0.0.1` are read by the system's resolver as 127.0.0.1.
    """
    name = host.strip().strip("[]").rstrip(".").lower()
    return _address(name) if name[:1].isdigit() or ":" in name else name


def _address(name: str) -> str:
    try:
        if ":" in name:
            address = ipaddress.IPv6Address(name)
            return str(address.ipv4_mapped or address)
        # inet_aton takes anything behind white space.
        return socket.inet_ntoa(socket.inet_aton(name)) if len(name.split()) == 1 else name
    except (OSError, ValueError):
        return name


def is_governed(patterns: Iterable[HostPattern], host: str, port: int, path: str) -> bool:
    """Whether any pattern governs the request."""
    return any(pattern.matches(host, port, path) for pattern in patterns)


@lru_cache(maxsize=1024)
def provider_of(host: str) -> str:
    """The provider's short name, or `other` for a host that isn't a known provider's."""
    for suffix, name in _PROVIDERS.items():
        if host == suffix or host.endswith("." + suffix):
            return name
    return "other"
