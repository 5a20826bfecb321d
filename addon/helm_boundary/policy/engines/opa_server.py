"""An OPA server as the engine, for those who run OPA already (``helm_opa_url``)."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from helm_boundary.policy.decision import Decision
from helm_boundary.policy.errors import EngineError, PolicyError
from helm_boundary.policy.sources.policy import Policy, read_policy
from helm_boundary.policy.sources.url import has_credentials, shown

from .engine import NO_TURN, Turn
from .opa_client import DECISION, OpaClient
from .smoke_test import self_test


def start_opa_server(url: str, *, deadline_ms: int) -> OpaServer:
    """Connect to an OPA server that has a data.helm.decision, and test it.

    The policy's digest is over the modules that the server has and the revisions of its bundles,
    as they are now; data that was pushed into it is not covered. Detectors are the default's.
    Raises PolicyError when the server can't be reached or has no decision.
    """
    server = OpaServer(parse_address(url), deadline_ms / 1_000)
    try:
        server.policy = server.describe()
        self_test(server)
    except EngineError as error:
        server.close()
        raise PolicyError(f"{shown(url)}: {error}") from None
    except BaseException:
        server.close()
        raise
    return server


@dataclass(frozen=True, slots=True)
class Address:
    """The host, port and path of the server."""

    url: str
    host: str
    port: int
    tls: bool
    prefix: str

    @property
    def fields(self) -> Mapping[str, str]:
        """The header fields that it asks for: none."""
        return {}

    def connect(self, seconds: float) -> http.client.HTTPConnection:
        """Return a connection to it, not yet open."""
        kind = http.client.HTTPSConnection if self.tls else http.client.HTTPConnection
        return kind(self.host, self.port, timeout=seconds)


def parse_address(url: str) -> Address:
    """Parse the address in a URL; PolicyError when it isn't one that we can use."""
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise PolicyError(f"{shown(url)}: expected a port up to 65535") from None
    if has_credentials(url):
        raise PolicyError(f"{shown(url)}: expected no user and no password in the address")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        expected = "expected http://HOST:PORT or https://HOST:PORT of an OPA server"
        raise PolicyError(f"{shown(url)}: {expected}")
    return Address(url, parts.hostname, port, parts.scheme == "https", parts.path.rstrip("/"))


class OpaServer:
    """Rego evaluated by an OPA server."""

    def __init__(self, address: Address, deadline: float) -> None:
        self.name = "opa"
        self.policy = _unknown(address.url)
        self._url = address.url
        self._client = OpaClient(address, deadline)

    async def decide(self, document: bytes, turn: Turn = NO_TURN) -> Decision:
        """Judge the document (UTF-8 JSON text); raise EngineError when that can't be done."""
        return await self._client.decide(document)

    def decide_now(self, document: bytes) -> Decision:
        """Judge like ``decide``, blocking this thread."""
        return self._client.decide_now(document)

    def close(self) -> None:
        """Close every connection; idempotent."""
        self._client.close()

    def describe(self) -> Policy:
        """Return the server's policy, as far as it tells."""
        modules = self._client.ask("GET", "/v1/policies", b"").get("result")
        stated = self._client.ask("POST", DECISION + "?provenance=true", b'{"input": {}}')
        provenance = stated.get("provenance")
        if not isinstance(modules, list) or not isinstance(provenance, dict):
            raise EngineError("doesn't tell its policies: is it an OPA server?")
        self.name = f"opa {provenance.get('version', '')}".strip()
        texts = {str(module.get("id")): str(module.get("raw")) for module in modules}
        whole = json.dumps([texts, provenance.get("bundles")], sort_keys=True)
        digest = hashlib.sha256(whole.encode()).hexdigest()
        nothing: MappingProxyType[str, Any] = MappingProxyType({})
        ours = read_policy([])
        count = len(texts)
        return Policy(self._url, digest, texts, nothing, ours.detectors_text, count, ours.volatile)


def _unknown(url: str) -> Policy:
    nothing: MappingProxyType[str, Any] = MappingProxyType({})
    return Policy(url, "", nothing, nothing, b'{"detectors": []}', 0)
