"""Addresses of databases, whose passwords nobody is told."""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from helm_receipts.errors import StateRefused

_SCHEMES = ("postgresql", "postgres")
_SECRETS = ("password", "sslpassword", "passfile")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def is_address(text: str) -> bool:
    """Tell whether a state is named by a database's address, not by a folder."""
    found = _SCHEME.match(text)
    return found is not None and found[1].lower() in _SCHEMES


class Address:
    """Where a database is, as libpq takes it; `str` and `repr` show it without its password."""

    def __init__(self, text: str) -> None:
        """Read an address; `StateRefused` says what is wrong with it."""
        try:
            parts = urlsplit(text)
            query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=False))
        except ValueError as error:
            raise StateRefused(f"expected postgresql://HOST/DATABASE, found {error}") from None
        if parts.scheme.lower() not in _SCHEMES:
            raise StateRefused("expected postgresql://HOST/DATABASE, found another kind of address")
        if not parts.path.strip("/") and "dbname" not in query and "service" not in query:
            raise StateRefused(
                f"expected the name of a database in {_shown(text)}, found none: "
                "postgresql://HOST/DATABASE"
            )
        self.text = text
        """The whole of it, with its password: for connections only."""

    @property
    def host(self) -> str:
        """The hosts it names, as they are written there."""
        return urlsplit(self.text).netloc.rpartition("@")[2]

    @property
    def settings(self) -> Mapping[str, str]:
        """What it sets beside the place, by libpq's names."""
        return dict(parse_qsl(urlsplit(self.text).query))

    def __str__(self) -> str:
        return _shown(self.text)

    def __repr__(self) -> str:
        return f"Address({_shown(self.text)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def missing_library() -> str | None:
    """Say what to install where a database can't be used; None where it can."""
    if find_spec("psycopg") is None or find_spec("psycopg_pool") is None:
        return "needs psycopg: install the extra helm-boundary[postgresql]"
    return None


def _shown(text: str) -> str:
    parts = urlsplit(text)
    who, at, where = parts.netloc.rpartition("@")
    user = quote(unquote(who.partition(":")[0]))
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in _SECRETS]
    return urlunsplit((parts.scheme, f"{user}{at}{where}", parts.path, urlencode(query), ""))
