"""Bundles from a server, as OPA's own bundle service polls them.

A conditional GET with the ETag of what is there (RFC 9110 section 13.1.2); what comes is checked
and put in place whole, so a reader never sees half a bundle. A server that fails leaves what is
there in force.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from helm_boundary.policy.errors import PolicyError

from .bundle import read_bundle
from .bundle_archive import MAX_PACKED
from .timed_get import get
from .url import has_credentials, shown

SECONDS = 60.0
"""Longest that a download takes in all, however its bytes come."""

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class Download:
    """One bundle URL and the file that its latest good answer is kept in.

    ``folder`` is where the file is stored (created if missing), ``key`` what the bundle must be
    signed with, ``token`` a bearer token for the server.
    """

    def __init__(
        self, url: str, folder: Path, *, key: Path | None = None, token: str | None = None
    ) -> None:
        parts = urlsplit(url)
        local = parts.scheme == "http" and parts.hostname in LOCAL
        if has_credentials(url):
            raise PolicyError(f"{shown(url)}: expected no user and no password in the address")
        if not (parts.scheme == "https" or local) or not parts.hostname:
            raise PolicyError(f"{shown(url)}: expected https:// (http:// for this machine only)")
        self._url = url
        self._key = key
        self._token = token
        self._folder = folder
        name = hashlib.sha256(url.encode()).hexdigest()[:16]
        self.path = folder / f"{name}.tar.gz"
        self._tag = folder / f"{name}.etag"

    def fetch(self) -> bool:
        """Ask the server once, and tell whether a new bundle is in place.

        Raises PolicyError when there is none to use.
        """
        try:
            answer = self._get()
        except (OSError, HTTPException, ValueError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise PolicyError(f"{shown(self._url)}: can't be fetched: {why}") from None
        if answer is None:
            return False
        content, tag = answer
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tag.unlink(missing_ok=True)  # no tag is always right: it only costs a download
        self._place(content)
        if tag:
            self._tag.write_text(tag)
        return True

    def _get(self) -> tuple[bytes, str | None] | None:
        fields = {"accept": "application/gzip, application/octet-stream"}
        if self._token:
            fields["authorization"] = f"Bearer {self._token}"
        if self.path.exists() and self._tag.exists():
            fields["if-none-match"] = self._tag.read_text()
        status, tag, content = get(self._url, fields, MAX_PACKED + 1, SECONDS)
        if status == 304:
            return None
        if status != 200:
            raise PolicyError(f"{shown(self._url)}: answered {status}, expected 200 or 304")
        return content, tag

    def _place(self, content: bytes) -> None:
        if len(content) > MAX_PACKED:
            raise PolicyError(f"{shown(self._url)}: has over {MAX_PACKED} bytes")
        handle, name = tempfile.mkstemp(suffix=".tar.gz", dir=self._folder)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            read_bundle(temporary, self._key)
            temporary.replace(self.path)
        except PolicyError as error:
            raise PolicyError(str(error).replace(name, shown(self._url))) from None
        finally:
            temporary.unlink(missing_ok=True)
