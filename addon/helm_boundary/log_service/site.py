"""The log's site: what https://c2sp.org/tlog-tiles says, and the public keys beside it.

Whatever has a size in its name never changes, and may be kept by caches for good; the checkpoint
may be kept for a second.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.wrappers import Request, Response

from helm_receipts.database.connections import Connection
from helm_receipts.log.publish import keys_json
from helm_receipts.tables.log_files import read_file
from helm_receipts.tables.publication import read_note
from helm_receipts.tables.pull import published_keys
from helm_receipts.tables.tile_rows import read_tile

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_TILE = re.compile(r"tile/(entries|[0-7])/(x[0-9]{3}/)*[0-9]{3}(\.p/[1-9][0-9]{0,2})?")
_BESIDE = re.compile(
    r"handover-[0-9]{1,16}|checkpoint\.witnessed|timestamps/[0-9]{1,16}\.(tsr|checkpoint)"
)
_FOR_GOOD = "public, max-age=31536000, immutable"
_FOR_A_SECOND = "public, max-age=1"


class Site:
    """A WSGI application that reads and never writes."""

    def __init__(self, pool: ConnectionPool[Connection]) -> None:
        self._pool = pool
        self._files: dict[str, Callable[[Connection], Response | None]] = {
            "checkpoint": _checkpoint,
            "keys.json": _keys,
            "log.vkey": _vkey,
        }

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> WSGIApplication:
        try:
            if request.method not in ("GET", "HEAD"):
                raise MethodNotAllowed(["GET", "HEAD"])
            return self._find(request.path.removeprefix("/"))
        except HTTPException as error:
            return error
        except (psycopg.Error, PoolTimeout):
            return Response("the database is away\n", 503, {"Retry-After": "1"})

    def _find(self, path: str) -> Response:
        with self._pool.connection() as connection:
            if path in self._files:
                found = self._files[path](connection)
            elif _TILE.fullmatch(path):
                found = _tile(connection, path)
            else:
                found = _beside(connection, path) if _BESIDE.fullmatch(path) else None
        if found is None:
            raise NotFound(f"there is no {path}")
        return found


def _checkpoint(connection: Connection) -> Response | None:
    note = read_note(connection)
    return _answer(note, "text/plain; charset=utf-8", _FOR_A_SECOND) if note else None


def _keys(connection: Connection) -> Response:
    said = json.dumps(keys_json(published_keys(connection)), indent=2).encode() + b"\n"
    return _answer(said, "application/json", _FOR_A_SECOND)


def _vkey(connection: Connection) -> Response:
    vkey = published_keys(connection).log[-1].key.vkey
    return _answer(f"{vkey}\n".encode(), "text/plain; charset=utf-8", _FOR_A_SECOND)


def _tile(connection: Connection, path: str) -> Response | None:
    tile = read_tile(connection, path)
    return _answer(tile, "application/octet-stream", _FOR_GOOD) if tile is not None else None


def _beside(connection: Connection, path: str) -> Response | None:
    file = read_file(connection, path)
    kind = "application/timestamp-reply" if path.endswith(".tsr") else "text/plain; charset=utf-8"
    return _answer(file, kind, _FOR_A_SECOND) if file is not None else None


def _answer(content: bytes, kind: str, keeping: str) -> Response:
    headers = {"Cache-Control": keeping, "X-Content-Type-Options": "nosniff"}
    return Response(content, 200, headers, content_type=kind)
