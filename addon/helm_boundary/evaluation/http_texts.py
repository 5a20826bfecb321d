"""What a client says outside of a body: in the path, in the query, and in headers.

Where a credential belongs is left out: a key is sent to a provider there, and not to a model. So
are our own headers, which go no further.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from helm_boundary.calls.call import HttpRequest, HttpText
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.calls.texts import pointer_token, spoken

PATH: Final = ":path"
QUERY: Final = ":query"
"""Names that no header has, for what else there is beside headers."""

_ROLE = "request"
_OWN = "x-helm-"
_LAYERS = 8
"""How often a client may have encoded what it encoded."""

_MOST = 1_000
"""Segments, parameters or members of a header: nobody has so many, and each takes its time."""
_APART = re.compile("[&;]")

_CREDENTIAL = re.compile(
    r"(?:.*-)?(?:authorization|auth|api-?key|subscription-key|virtual-key|cookie2?|dpop|client-secret"
    r"|jwt|jwt-assertion|oidc-data|oidc-accesstoken"
    r"|(?:access|auth|authorization|csrf|id|identity|oidc|security|session|xsrf)-token)"
    r"|x-github-token|x-portkey-(?:config|aws-access-key-id|aws-secret-access-key"
    r"|vertex-service-account-json)",
    re.IGNORECASE,
)
"""Headers that carry a credential: of providers, gateways, clouds, and proxies before us."""

_FRESH = frozenset(
    {
        "amz-sdk-invocation-id", "idempotency-key", "request-id", "traceparent",
        "x-client-request-id", "x-correlation-id", "x-request-id",
    }
)  # fmt: skip
_ID = re.compile(
    "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}",
    re.IGNORECASE,
)
"""How headers of that name are written that have another id for each call (RFC 9562, W3C's trace
context). Random text is what detectors are slowest on, and there is nothing in it."""

_CREDENTIAL_PARAMETERS = frozenset(
    {
        "access_token", "api-key", "api_key", "apikey", "authorization", "awsaccesskeyid",
        "googleaccessid", "key", "ocp-apim-subscription-key", "sig", "signature",
        "subscription-key", "token", "x-amz-credential", "x-amz-security-token",
        "x-amz-signature", "x-api-key", "x-goog-api-key", "x-goog-credential",
        "x-goog-security-token", "x-goog-signature",
    }
)  # fmt: skip
"""Parameters of a query that carry one: keys, tokens, and the parts of a signed address."""

SUBPROTOCOLS: Final = "sec-websocket-protocol"
_KEY = re.compile("key|secret|token|bearer", re.IGNORECASE)
"""A browser can't set headers, so its key is a subprotocol: `openai-insecure-api-key.…`."""


def outside_texts(request: HttpRequest) -> Iterator[HttpText]:
    """Yield every text that a request has outside of its body; Refusal as `http_texts`."""
    for name, value in items_outside(request):
        yield from http_texts(name, value)


def items_outside(request: HttpRequest) -> tuple[tuple[str, str], ...]:
    """Return a request's path, query and headers, by their names."""
    query = ((QUERY, request.query),) if request.query else ()
    return ((PATH, request.path), *query, *request.headers)


def http_texts(name: str, value: str) -> Iterator[HttpText]:
    """Yield the texts in a header, a path (`:path`) or a query (`:query`), in every reading.

    Raises:
        Refusal: JSON in it is nested deeper than can be read, or it has more parts than anybody's.
    """
    if name == PATH:
        yield from _in_path(value)
    elif name == QUERY:
        yield from _in_query(value)
    elif not _says_nothing(name.lower(), value):
        yield from _in_header(name, value)


def _says_nothing(name: str, value: str) -> bool:
    """Tell whether a header is a credential's place, ours, a length or a fresh id."""
    if name in _FRESH and _ID.fullmatch(value):
        return True
    return _holds_no_text(name)


@lru_cache(maxsize=1_024)
def _holds_no_text(name: str) -> bool:
    own = name == "content-length" or name.startswith(_OWN)
    return own or _CREDENTIAL.fullmatch(name) is not None


def _in_path(path: str) -> Iterator[HttpText]:
    for reading in _readings(path):
        _check_count("path", reading.count("/"))
        for words in dict.fromkeys((*reading.split("/"), reading)):
            yield HttpText("/http/path", _ROLE, words)


def _in_query(query: str) -> Iterator[HttpText]:
    _check_count("query", len(_APART.findall(query)))
    for pair in query.split("&"):
        whole = pair.partition("=")
        for part in dict.fromkeys((pair, *pair.split(";"))):
            name, _, value = whole if part == pair else part.partition("=")
            label = unquote(name, errors="replace")
            if label.lower() not in _CREDENTIAL_PARAMETERS:
                pointer = "/http/query" + pointer_token(label.removesuffix("[]"))
                yield from _named(pointer, name, value, plus=True)


def _in_header(name: str, value: str) -> Iterator[HttpText]:
    pointer = "/http/headers" + pointer_token(name.lower())
    if name.lower() == SUBPROTOCOLS:
        value = ",".join(each for each in value.split(",") if not _is_key(each))
    yield from _named(pointer, name, value)
    if "=" in value:  # a list of named values, as in `baggage`
        members = re.split("[,;]", value)
        _check_count("header", len(members))
        for member in members:
            label, equals, item = member.strip().partition("=")
            if equals:
                yield from _named(pointer, label, item)


def _check_count(where: str, parts: int) -> None:
    if parts > _MOST:
        raise schema_violation(f"a {where} of the request has more than {_MOST} parts")


def _is_key(subprotocol: str) -> bool:
    kind, dot, _ = subprotocol.partition(".")
    return bool(dot) and _KEY.search(kind) is not None


def _named(pointer: str, name: str, value: str, *, plus: bool = False) -> Iterator[HttpText]:
    """Yield a name with its value behind it, for what is found may need the name to be near."""
    names = [*_readings(name, plus=plus)][-1]
    for reading in _readings(value, plus=plus):
        yield HttpText(pointer, _ROLE, f"{names}: {reading}")
        for text in spoken(reading, pointer, _ROLE)[1:]:
            yield HttpText(pointer, _ROLE, text.text)


def _readings(text: str, *, plus: bool = False) -> Iterator[str]:
    """Yield a text as it is written and as it is decoded, once or more often (RFC 3986, 2.1).

    `plus` is whether a plus sign may be a blank, as it is in what a form writes.
    """
    for _ in range(_LAYERS):
        yield text
        if plus and "+" in text:
            yield unquote(text.replace("+", " "), errors="replace")
        decoded = unquote(text, errors="replace") if "%" in text else text
        if decoded == text:
            return
        text = decoded
