"""What makes each kind of program trust the boundary's authority, by the program's name."""

from __future__ import annotations

import re

_REMEDIES = (
    (r"php", "openssl.cafile and curl.cainfo in its ini files (PHP_INI_SCAN_DIR)"),
    (r"wget", "ca_certificate in its wgetrc (SYSTEM_WGETRC), or --ca-certificate"),
    (r"perl", "PERL_LWP_SSL_CA_FILE, or HTTPS_CA_FILE"),
    (r"python|pypy", "SSL_CERT_FILE, REQUESTS_CA_BUNDLE; pycurl its own CAINFO option"),
    (r"node|bun|electron", "NODE_EXTRA_CA_CERTS"),
    (r"deno", "DENO_CERT"),
    (r"java", "javax.net.ssl.trustStore, by JAVA_TOOL_OPTIONS"),
    (r"curl", "CURL_CA_BUNDLE, or --cacert"),
    (r"git", "GIT_SSL_CAINFO"),
    (r"beam|elixir|mix", "HEX_CACERTS_PATH, or its own cacertfile option"),
    (r"chrom|brave|edge", "the user's store: helm-boundary trust install --store nss"),
    (r"aws", "AWS_CA_BUNDLE"),
    (r"ruby|dotnet", "SSL_CERT_FILE"),
)
_ANY = (
    "SSL_CERT_FILE in most; one with roots of its own, such as rustls with webpki-roots, reads no "
    "variable: use helm-boundary exec --base-url, or its own setting"
)


def remedy_for(program: str) -> str:
    """Return what a program of that name reads to find the authorities that it trusts."""
    return _known(program) or _ANY


def is_known(program: str) -> bool:
    """Tell whether a program of that name is of a kind that has a remedy of its own."""
    return _known(program) is not None


def _known(program: str) -> str | None:
    found = (told for kind, told in _REMEDIES if re.match(kind, program, re.IGNORECASE))
    return next(found, None)
