"""What every answer of the page has in common: who may ask, and what a browser may do with it."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any

from tornado.web import HTTPError, RequestHandler

from .sign_in import SignIn

COOKIE = "helm_boundary_page"
SECOND_HEADER = "X-Helm-Page"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "helm-boundary",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_MAX_BODY = 4096


class PageHandler(RequestHandler):
    """Answers nobody who came by another name, from another page or without having signed in.

    What isn't `guarded` holds nothing of the state folder: it is what a browser needs to sign in.
    A file of the page's own may be `linked` to from anywhere.
    """

    guarded = True
    linked = False

    def initialize(self, sign_in: SignIn, hosts: frozenset[str]) -> None:
        """Take what handlers share: sessions, and the names that the page is reached by."""
        self.sign_in = sign_in
        self.hosts = hosts

    def set_default_headers(self) -> None:
        """Say what a browser may do with an answer."""
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> Awaitable[None] | None:
        """Refuse requests that the page itself didn't make."""
        if self.request.host not in self.hosts:  # a name that was made to mean this machine
            raise HTTPError(403, reason="Not By This Name")
        site = self.request.headers.get("Sec-Fetch-Site", "none")
        if not self.linked and site not in ("none", "same-origin"):
            raise HTTPError(403, reason="Not From Another Page")
        if self.guarded and not self.is_signed_in:
            raise HTTPError(401, reason="Sign In First")
        if self.request.method != "GET":
            self._refuse_foreign_deed()
        return None

    @property
    def is_signed_in(self) -> bool:
        """Whether both secrets of a session came along."""
        second = self.request.headers.get(SECOND_HEADER, "")
        return self.sign_in.is_signed_in(self.session, second)

    @property
    def session(self) -> str:
        """The session in the cookie; empty where there is none."""
        return self.get_cookie(COOKIE) or ""

    def answer(self, value: Any) -> None:
        """Answer with JSON."""
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(value))

    def given(self) -> dict[str, str]:
        """Return the JSON object of texts in the body."""
        try:
            value = json.loads(self.request.body)
        except ValueError:
            value = None
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise HTTPError(400, reason="Expected A JSON Object Of Texts")
        return value

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with the error, and nothing of what was asked."""
        self.answer({"error": f"{status_code} {self._reason}"})

    def _refuse_foreign_deed(self) -> None:
        """Let through only what a script of ours sends: JSON, from the page's own origin."""
        if self.request.headers.get("Origin") not in {f"http://{host}" for host in self.hosts}:
            raise HTTPError(403, reason="Not From Another Page")
        if self.request.headers.get("Content-Type") != "application/json":
            raise HTTPError(415, reason="Expected JSON")
        if len(self.request.body) > _MAX_BODY:
            raise HTTPError(413)
