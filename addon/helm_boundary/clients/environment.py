"""The variables that bring a program under the boundary.

Which client reads which: curl(1) ENVIRONMENT; requests, httpx and aiohttp (`trust_env`); Node's
--use-env-proxy and NODE_EXTRA_CA_CERTS; OpenSSL's SSL_CERT_FILE and SSL_CERT_DIR, which Go, Rust's
rustls-native-certs and Python read too; git-config(1) http.sslCAInfo; the AWS SDKs'
AWS_CA_BUNDLE; Deno's DENO_CERT; Java's networking properties, by JAVA_TOOL_OPTIONS; PHP's
PHP_INI_SCAN_DIR; LWP::UserAgent's PERL_LWP_*; wget(1) SYSTEM_WGETRC; Yarn's YARN_*_PROXY, in place
of any other's. Yarn refuses variables of its own that it doesn't know, and takes Node's roots.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
LOOPBACK = "127.0.0.1"

_BUNDLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "AWS_CA_BUNDLE",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "HTTPLIB2_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "CODEX_CA_CERTIFICATE",
    "NIX_SSL_CERT_FILE",
    "npm_config_cafile",
    "PERL_LWP_SSL_CA_FILE",
    "HEX_CACERTS_PATH",
    "BUNDLE_SSL_CA_CERT",
)
"""Variables that name a whole set of roots: the system's and ours."""

_ADDITIONS = ("NODE_EXTRA_CA_CERTS", "DENO_CERT")
"""Variables that name roots on top of the client's own."""

_OF_YARN = ("YARN_HTTP_PROXY", "YARN_HTTPS_PROXY")

TRUST_FILES = (*_BUNDLES, *_ADDITIONS)
"""Every variable that names a PEM file of roots."""

BASE_URLS = (
    "OPENAI_BASE_URL",
    "OPENAI_API_BASE",
    "ANTHROPIC_BASE_URL",
    "GROQ_BASE_URL",
    "AZURE_OPENAI_ENDPOINT",
)
"""Variables that say where a provider is."""

JAVA_STORE_PASSWORD = "changeit"  # noqa: S105 - Java's customary one: there is no secret inside


@dataclass(frozen=True, slots=True)
class Trust:
    """Files that make a client trust the boundary, each with the system's roots and ours."""

    bundle: Path
    folder: Path
    java_store: Path
    php_settings: Path
    """A folder with settings for PHP."""
    wget_settings: Path


@dataclass(frozen=True, slots=True)
class Route:
    """A program's way to the boundary.

    `base_urls` maps variables such as OPENAI_BASE_URL to addresses of reverse listeners.
    """

    proxy: str
    """Host and port."""
    trust: Trust
    base_urls: Mapping[str, str] = field(default_factory=dict)


def variables(route: Route, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return every variable to set; what `environment` has in those for many settings stays.

    NO_PROXY is empty, so that calls to local model servers are governed as well. With base URLs
    it names the listeners' address: they are reached directly, not through the proxy.
    """
    held = environment or {}
    proxy = f"http://{route.proxy}"
    direct = LOOPBACK if route.base_urls else ""
    paired = {**dict.fromkeys(PROXIES, proxy), "NO_PROXY": direct}
    return {
        **paired,
        **{name.lower(): value for name, value in paired.items()},
        **dict.fromkeys(TRUST_FILES, str(route.trust.bundle)),
        "SSL_CERT_DIR": str(route.trust.folder),
        **dict.fromkeys(_OF_YARN, proxy),
        "NODE_USE_ENV_PROXY": "1",
        "PERL_LWP_ENV_PROXY": "1",
        "PHP_INI_SCAN_DIR": _php(held.get("PHP_INI_SCAN_DIR", ""), route.trust.php_settings),
        "SYSTEM_WGETRC": str(route.trust.wget_settings),
        "JAVA_TOOL_OPTIONS": " ".join(
            filter(
                None,
                (
                    held.get("JAVA_TOOL_OPTIONS", ""),
                    *_java(route.proxy, route.trust.java_store, direct),
                ),
            )
        ),
        **route.base_urls,
    }


def _php(held: str, own: Path) -> str:
    """Add a folder to those that PHP reads settings from; an empty one is PHP's usual one."""
    folders = [each for each in held.split(os.pathsep) if each != str(own)] if held else [""]
    return os.pathsep.join((*folders, str(own)))


def _java(proxy: str, store: Path, direct: str) -> list[str]:
    host, _, port = proxy.rpartition(":")
    properties = {
        "http.proxyHost": host,
        "http.proxyPort": port,
        "https.proxyHost": host,
        "https.proxyPort": port,
        "http.nonProxyHosts": direct,
        "javax.net.ssl.trustStore": str(store),
        "javax.net.ssl.trustStoreType": "PKCS12",
        "javax.net.ssl.trustStorePassword": JAVA_STORE_PASSWORD,
    }
    return [_java_property(name, value) for name, value in properties.items()]


def _java_property(name: str, value: str) -> str:
    # The launcher splits at spaces unless they are quoted (JDK's JAVA_TOOL_OPTIONS).
    return f'-D{name}="{value}"' if " " in value else f"-D{name}={value}"
