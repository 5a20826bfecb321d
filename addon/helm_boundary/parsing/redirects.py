"""Redirects in reverse mode, where the client's next request needn't come by us.

One to the upstream's own address is told without that address, so that the client comes back to
ours. One that would have a call sent again elsewhere is refused. What is fetched without a body (a
download) may come from elsewhere. Some clients follow any 3xx, and differ in what they make of an
address, so whatever isn't plainly one of ours leads elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from helm_boundary.calls.call import HttpRequest, HttpResponse
from helm_boundary.calls.hosts import canonical_host, split_port
from helm_boundary.calls.refusal import Refusal

_WHOLE = frozenset({"location", "content-location", "uri"})
"""Headers that are an address; Python's urllib follows the last, which never became a standard."""

_PLAIN = re.compile(r"""[!#-;=?-Z\[\]^_`a-z{|}~]*""")
"""What every reader takes for the same address: no blanks, backslashes, quotes, other scripts."""

_ABSOLUTE = re.compile(r"(?:(https?):)?//([A-Za-z0-9._\[\]:-]+)((?:[/?#].*)?)", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_OTHER_HOST = re.compile(r"/(?:\.{1,2}/)*/")
"""The beginning of a path that is an authority for some."""

_REFRESH = re.compile(r"[^;,]*[;,]\s*(?:url\s*=\s*)?['\"]?([^'\"]*)", re.IGNORECASE)
_LINK = re.compile(r"<([^>]*)>")
_PORTS = {"http": 80, "https": 443}


def lead_back(request: HttpRequest, response: HttpResponse) -> dict[str, str]:
    """Find the addresses in a redirect that must be rewritten, and their replacements.

    Raises:
        Refusal: the client would send its call again, to somewhere else.
    """
    changed: dict[str, str] = {}
    if not request.reached_at or not 300 <= response.status < 400 or response.status == 304:
        return changed
    again = _is_sent_again(request, response.status)
    for value, address in _addresses(response):
        relative = _from_here(request, address)
        if again and (relative is None or _is_circle(request, address, relative)):
            raise Refusal(
                "SCHEMA_VIOLATION",
                "the upstream redirects the call to another address than its own, to which it "
                "would be sent again without the boundary; call that address through the boundary",
                "instance_membership",
            )
        if relative is not None and relative != address:
            changed[value] = relative
    return changed


def is_address_header(name: str) -> bool:
    """Tell whether a header's whole value is an address that a client may follow."""
    return name.strip().lower() in _WHOLE


def _is_sent_again(request: HttpRequest, status: int) -> bool:
    """Tell whether any client that follows the redirect sends more than a request for a page."""
    if request.header("upgrade") is not None:
        return True  # what it would send then goes over a socket that we don't see
    without_body = request.method in ("GET", "HEAD") and not request.body
    return not without_body and status != 303


def _addresses(response: HttpResponse) -> Iterator[tuple[str, str]]:
    """Each address that the headers name, after the whole value that it is in."""
    for header, value in response.headers:
        name = header.strip().lower()
        if name in _WHOLE:
            yield value, value.strip()
        elif name == "refresh" and (found := _REFRESH.match(value)):
            yield "", found[1].strip()
        elif name == "link":
            yield from (("", target.strip()) for target in _LINK.findall(value))


def _from_here(request: HttpRequest, address: str) -> str | None:
    """Make an address relative; None where it leads elsewhere, or some reader thinks so."""
    if not _PLAIN.fullmatch(address):
        return None
    found = _ABSOLUTE.fullmatch(address)
    if found is None:
        relative = None if _SCHEME.match(address) else address
    else:
        rest = found[3] if found[3].startswith("/") else "/" + found[3]
        relative = (
            rest if _is_own(request, (found[1] or request.scheme).lower(), found[2]) else None
        )
    return None if relative is None or _OTHER_HOST.match(relative) else relative


def _is_own(request: HttpRequest, scheme: str, authority: str) -> bool:
    """Tell whether a host and port are the upstream's, or those by which the client reached us."""
    host, port = split_port(authority)
    host, port = canonical_host(host), port or _PORTS[scheme]
    same_host = bool(host) and host == canonical_host(request.host)
    by_default = port == _PORTS[scheme] and request.port == _PORTS.get(request.scheme)
    if same_host and (port == request.port or by_default):
        return True
    ours = (request.reached_at, request.header("host") or "")
    return any(_is_at(each, host, port, _PORTS[scheme]) for each in ours)


def _is_at(authority: str, host: str, port: int, default: int) -> bool:
    known, known_port = split_port(authority)
    return bool(host) and canonical_host(known) == host and (known_port or default) == port


def _is_circle(request: HttpRequest, address: str, relative: str) -> bool:
    """Tell whether only the scheme is another; the client would turn in circles without it."""
    asked = f"{request.path}?{request.query}" if request.query else request.path
    return relative != address and relative.partition("#")[0] == asked
