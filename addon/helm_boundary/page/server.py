"""The page's server: one address of this machine, and what is behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from helm_boundary.browser_verification.trusted_keys import TrustedKeys
from helm_boundary.receipt_source.source import Source
from helm_boundary.runtime.shared_state import SharedState

from . import handlers
from .ledger import Ledger
from .questions import Questions
from .sign_in import SignIn

_MAX_REQUEST = 64 * 1024


class PageServer:
    """The page of one state, listening."""

    def __init__(
        self,
        state: SharedState,
        address: tuple[str, int],
        trusted: Callable[[Source], TrustedKeys],
        sign_in: SignIn,
    ) -> None:
        self._sockets = bind_sockets(address[1], address[0])
        self.port = self._sockets[0].getsockname()[1]
        self._sign_in = sign_in
        self._host = f"[{address[0]}]" if ":" in address[0] else address[0]
        source = state.source()
        self._ledger = Ledger(state.open_index(source), lambda: trusted(source))
        hosts = frozenset(f"{name}:{self.port}" for name in (self._host, "localhost"))
        shared = {"sign_in": sign_in, "hosts": hosts}
        self._server = HTTPServer(
            _application(state, self._ledger, shared),
            max_buffer_size=_MAX_REQUEST,
            max_body_size=_MAX_REQUEST,
            idle_connection_timeout=60,
            body_timeout=10,
        )

    @property
    def address(self) -> str:
        """The address, where a person is asked for the token."""
        return f"http://{self._host}:{self.port}/"

    @property
    def url(self) -> str:
        """The address with the token behind `#`, which no browser sends to anybody."""
        return f"{self.address}#{self._sign_in.token}"

    def start(self) -> None:
        """Answer browsers, in the running event loop."""
        self._ledger.start()
        self._server.add_sockets(self._sockets)

    def close(self) -> None:
        """Stop listening."""
        self._server.stop()
        self._ledger.close()


def _application(state: SharedState, ledger: Ledger, shared: dict[str, Any]) -> Application:
    questions = Questions(state)
    with_ledger = {**shared, "ledger": ledger}
    with_questions = {**shared, "questions": questions}
    return Application(
        [
            (r"/", handlers.FileHandler, shared),
            (r"/([a-z-]+\.(?:html|css|js))", handlers.FileHandler, shared),
            (r"/api/sign-in", handlers.SignInHandler, shared),
            (r"/api/sign-out", handlers.SignOutHandler, shared),
            (r"/api/receipts", handlers.ReceiptsHandler, with_ledger),
            (r"/api/charts", handlers.ChartsHandler, with_ledger),
            (r"/api/choices", handlers.ChoicesHandler, with_ledger),
            (r"/api/evidence/([\w-]+)", handlers.EvidenceHandler, with_ledger),
            (
                r"/api/story/([\w-]+)",
                handlers.StoryHandler,
                {**with_ledger, "questions": questions},
            ),
            (r"/api/approvals", handlers.ApprovalsHandler, with_questions),
            (r"/api/approvals/(\w+)", handlers.ApprovalsHandler, with_questions),
            (r"/api/budgets", handlers.BudgetsHandler, {**shared, "state": state}),
            (r"/api/boundaries", handlers.BoundariesHandler, {**shared, "state": state}),
        ],
        default_handler_class=handlers.MissingHandler,
        default_handler_args=shared,
        log_function=lambda _handler: None,
    )
