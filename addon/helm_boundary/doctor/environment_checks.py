"""Checks of the environment: the proxies it names, the exceptions from them, whom it trusts."""

from __future__ import annotations

import contextlib
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cryptography import x509

from helm_boundary.calls.proxy_exceptions import exception_for, named_exceptions
from helm_boundary.clients.ca_bundle import certificates, named_roots, pems, system_roots
from helm_boundary.clients.environment import TRUST_FILES
from helm_boundary.runtime.health import Health

from .finding import UNKNOWN, Finding, judged
from .route_checks import Target

_TRUST_REMEDY = (
    'eval "$(helm-boundary env)" sets it; helm-boundary trust install adds it to the system\'s'
)


def proxy_for(target: Target, environment: Mapping[str, str]) -> str | None:
    """Return the proxy that clients use for a target, or None; the environment, then the system."""
    if bypassed(target.host, environment):
        return None
    named = _proxies(environment)
    if not named:
        named = urllib.request.getproxies()
        if named and urllib.request.proxy_bypass(target.host):
            return None
    return named.get("https") or named.get("all")


def bypassed(host: str, environment: Mapping[str, str]) -> str | None:
    """Return the entry of NO_PROXY that keeps a host from the proxy, or None."""
    return exception_for(named_exceptions(environment), host)


def look_at_exceptions(targets: Iterable[Target], environment: Mapping[str, str]) -> Finding:
    """Check that NO_PROXY names no governed host."""
    excepted = {t.host: entry for t in targets if (entry := bypassed(t.host, environment))}
    told = ", ".join(f"{entry} for {host}" for host, entry in excepted.items())
    return judged(
        not excepted,
        "NO_PROXY leaves out no governed host",
        told or environment.get("NO_PROXY") or environment.get("no_proxy") or "it is empty",
        "take those entries out of NO_PROXY and no_proxy",
    )


def look_at_trust(health: Health, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Check that clients trust the authority, by each variable that names roots or by default."""
    try:
        own = certificates(Path(health.ca_file).read_bytes())
    except OSError as error:
        yield Finding("the authority can be read", UNKNOWN, str(error), "run doctor as its user")
        return
    named = {name: environment[name] for name in TRUST_FILES if environment.get(name)}
    if "SSL_CERT_FILE" not in named:
        named["the system's roots"] = str(system_roots(environment))
    for name, path in named.items():
        yield _trusts(name, Path(path), own)


def _trusts(name: str, path: Path, own: list[x509.Certificate]) -> Finding:
    looked_at = f"clients that read {name} trust it"
    try:
        found = certificates(path.read_bytes())
    except OSError as error:
        return Finding(looked_at, UNKNOWN, str(error), f"point {name} at a file of certificates")
    return judged(all(one in found for one in own), looked_at, str(path), _TRUST_REMEDY)


def look_at_company_roots(health: Health, environment: Mapping[str, str]) -> Finding:
    """Check that the boundary trusts, towards servers, what some client here is told to trust."""
    known = {*pems(system_roots({}).read_bytes())}
    for file in filter(None, (health.ca_file, health.upstream_roots)):
        with contextlib.suppress(OSError):
            known |= {*pems(Path(file).read_bytes())}
    unknown = [name for name, pem in named_roots(environment) if pem not in known]
    return judged(
        not unknown,
        "the boundary trusts the authorities that variables here name",
        f"not those in {', '.join(dict.fromkeys(unknown))}" if unknown else "none is missing",
        "start it from this environment with helm-boundary exec, which merges them, or name a file "
        "that has them: --set ssl_verify_upstream_trusted_ca=FILE",
    )


def _proxies(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name.lower().removesuffix("_proxy"): value
        for name, value in sorted(environment.items())
        if name.lower() in ("https_proxy", "all_proxy") and value
    }
