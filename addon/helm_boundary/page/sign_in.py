"""Signing in: a token that is printed at the start, and sessions that a browser has for it."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict

MAX_SESSIONS = 100


class SignIn:
    """The token of one run of the page, and the sessions of those who had it.

    A session is a secret in a cookie. With each goes a second secret, which only the page's own
    origin keeps. A browser sends a cookie to every port of a host, so any other server of this
    machine that a person looks at has it; and other sites can make a browser send it. Neither has
    the second one, so every request needs both.
    """

    def __init__(self, token: str | None = None) -> None:
        self.token = token or secrets.token_urlsafe(24)
        self._sessions: OrderedDict[str, str] = OrderedDict()

    def begin(self, token: str) -> str | None:
        """Return a new session for the right token, None for another."""
        if not _same(token, self.token):
            return None
        session = secrets.token_urlsafe(24)
        self._sessions[session] = secrets.token_urlsafe(24)
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def second_secret(self, session: str) -> str:
        """Return the second secret of a session, for whoever has just begun it."""
        return self._sessions[session]

    def is_signed_in(self, session: str, second: str) -> bool:
        """Tell whether there is such a session, and this is its second secret."""
        expected = self._sessions.get(session)
        return expected is not None and _same(second, expected)

    def end(self, session: str) -> None:
        """End a session."""
        self._sessions.pop(session, None)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
