"""Governed hosts: where every request is a call."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
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
    "api.cohere.com",
    "ollama.com/api/",
    "ollama.com/v1/",
    "chatgpt.com/backend-api/codex/",  # Codex, signed in with a ChatGPT account
)
"""The known providers of OpenAI-compatible APIs; `helm_hosts` replaces the list, or adds to it."""

_ADDED = "+"
"""The sign of a pattern that is added to the default list."""

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
    "api.cohere.com": "cohere",
    "ollama.com": "ollama",
    "chatgpt.com": "openai",
}

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
"""A label of a host's name (RFC 1123 section 2.1); the underscore is in names of containers."""

_AUTHORITY = re.compile(r"(\*\.)?(\[[^\[\]]+\]|[^\[\]:]+)(?::([1-9][0-9]{0,4}))?")
"""A host, perhaps with any label before it, and a port."""

_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~!$&()+=:@-]+)*/?")
"""A path's beginning, as it is compared: no escapes, and no segment is empty."""


class HostPatternError(ValueError):
    """A value of `helm_hosts` that isn't `[*.]name[:port][/prefix]`, or a list that isn't one."""


@dataclass(frozen=True, slots=True)
class HostPattern:
    """`[*.]name[:port][/prefix]`; `*.` stands for one or more labels, a prefix for a path."""

    name: str
    any_label: bool
    port: int | None
    prefix: str

    def matches(self, host: str, port: int, path: str) -> bool:
        """Tell whether a request to this host, port and path is governed."""
        named = host.endswith("." + self.name) if self.any_label else host == self.name
        if not named or self.port not in (None, port):
            return False
        # In any letter case: some servers don't tell them apart.
        return (path + "/").lower().startswith((self.prefix or "/").lower())


def listed_hosts(values: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns that a list stands for: `+name` adds to the default list.

    Raises:
        HostPatternError: there is none, or the list both adds to the default one and replaces it.
    """
    added = [value[len(_ADDED) :] for value in values if value.startswith(_ADDED)]
    if not values:
        raise HostPatternError("expected at least one host pattern, found none")
    if not added:
        return tuple(values)
    if len(added) < len(values):
        raise HostPatternError(
            "expected `+` before every host, which adds it to the default list, or before none, "
            "which replaces that list; found both"
        )
    return tuple(dict.fromkeys((*DEFAULT_HOSTS, *added)))


def parse_host_pattern(text: str) -> HostPattern:
    """Read one pattern; names are compared in lower case, without a final dot.

    Raises:
        HostPatternError: no request could match it, or it is more than one.
    """
    authority, slash, prefix = text.strip(" ").partition("/")
    found = _AUTHORITY.fullmatch(authority) if text.isprintable() else None
    if found is not None:
        any_label, host, port = bool(found[1]), found[2], int(found[3] or 0)
        if _is_host(host, any_label=any_label) and port < 65536 and _is_prefix(slash + prefix):
            return HostPattern(canonical_host(host), any_label, port or None, slash + prefix)
    raise HostPatternError(
        f"{text!r} is no host pattern; expected [*.]name[:port][/prefix], as in *.example.com"
    )


def _is_host(host: str, *, any_label: bool) -> bool:
    """Tell whether a request can have this host: a name, or an address, which has no labels."""
    name, in_brackets = canonical_host(host), host.startswith("[")
    if in_brackets or name.rpartition(".")[2].isdigit():
        return not any_label and _is_address(name) and (":" in host) is in_brackets
    labels = name.split(".")
    return ".." not in host and all(map(_LABEL.fullmatch, labels)) and len(name) < 254


def _is_address(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def _is_prefix(prefix: str) -> bool:
    return _PREFIX.fullmatch(prefix) is not None and not {".", ".."} & {*prefix.split("/")}


def split_port(authority: str) -> tuple[str, int | None]:
    """Split an authority into host and port, None where it has none (RFC 3986 section 3.2)."""
    host, colon, port = authority.rpartition(":")
    is_port = not port or (port.isascii() and port.isdigit())
    if not colon or not is_port or (host.count(":") and host[-1] != "]"):
        return authority.strip("[]"), None
    return host.strip("[]"), int(port) if port else None


def authority(host: str, port: int) -> str:
    """Write a host and a port as one; an IPv6 address stands in brackets (RFC 3986 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@lru_cache(maxsize=1024)
def canonical_host(host: str) -> str:
    """Write a host as it is compared: lower case, no final dot or brackets, one form of address.

    `127.1`, `0x7f000001` and `::ffff:127.0.0.1` are read by the system's resolver as 127.0.0.1.
    """
    name = host.strip().strip("[]").rstrip(".").lower()
    if not name.isascii():
        name = _in_ascii(name)
    return _address(name) if name[:1].isdigit() or ":" in name else name


def _in_ascii(name: str) -> str:
    """Encode an internationalised name as on the wire (RFC 3490), which mitmproxy decodes."""
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


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
    """Tell whether any pattern governs the request."""
    return any(
        pattern.matches(host, port, path) for pattern in patterns if host.endswith(pattern.name)
    )


@lru_cache(maxsize=1024)
def provider_of(host: str) -> str:
    """Return the provider's short name, or `other` for a host that isn't a known provider's."""
    for suffix, name in _PROVIDERS.items():
        if host == suffix or host.endswith("." + suffix):
            return name
    return "other"
