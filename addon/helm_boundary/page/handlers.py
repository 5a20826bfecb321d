"""The page's addresses: files, signing in, receipts, charts, evidence, approvals."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from tornado.web import HTTPError

from helm_boundary.approvals.decisions import NotPending
from helm_boundary.approvals.entry import ID
from helm_boundary.approvals.store import StoreError
from helm_boundary.browser_verification.evidence import script
from helm_boundary.budgets.shares import Share, shares
from helm_boundary.budgets.store import StoreError as BalanceError
from helm_boundary.receipt_index.filters import Filter, FilterError
from helm_boundary.receipt_index.queries import Place
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.errors import ReceiptError

from .handler import COOKIE, PageHandler
from .ledger import SPANS, Ledger
from .questions import ANSWERS, Questions

PAGE = 100
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}


class FileHandler(PageHandler):
    """A file of the page's own: nothing in it is secret, so nobody needs to have signed in."""

    guarded = False
    linked = True

    def get(self, name: str = "page.html") -> None:
        """Send a file."""
        folder = files(__package__).joinpath("static")
        known = {each.name for each in folder.iterdir()} | {"verification.js"}
        if name not in known:
            raise HTTPError(404)
        kind = _TYPES[name.rpartition(".")[2]]
        self.set_header("Content-Type", f"{kind}; charset=utf-8")
        is_script = name == "verification.js"
        self.finish(script() if is_script else folder.joinpath(name).read_bytes())


class MissingHandler(PageHandler):
    """Any other address."""

    guarded = False

    def prepare(self) -> None:
        """Refuse it, whoever asks."""
        super().prepare()
        raise HTTPError(404)


class SignInHandler(PageHandler):
    """Whether somebody has signed in, and how they do."""

    guarded = False

    def get(self) -> None:
        """Say whether this browser has signed in."""
        self.answer({"signedIn": self.is_signed_in})

    def post(self) -> None:
        """Begin a session for the token that was printed at the start."""
        session = self.sign_in.begin(self.given().get("token", ""))
        if session is None:
            raise HTTPError(401, reason="Not This Token")
        self.set_cookie(COOKIE, session, httponly=True, samesite="Strict", path="/")
        self.answer({"signedIn": True, "secret": self.sign_in.second_secret(session)})


class SignOutHandler(PageHandler):
    """Signing out."""

    def post(self) -> None:
        """End the session."""
        self.sign_in.end(self.session)
        self.clear_cookie(COOKIE, path="/")
        self.answer({"signedIn": False})


class LedgerHandler(PageHandler):
    """A handler that asks the ledger."""

    def initialize(self, ledger: Ledger, **shared: Any) -> None:  # type: ignore[override]
        """Take the ledger too."""
        super().initialize(**shared)
        self.ledger = ledger

    def wanted(self) -> Filter:
        """Read the filters in the address."""
        given = {name: values[-1].decode() for name, values in self.request.arguments.items()}
        try:
            return Filter.of(given)
        except FilterError as error:
            raise HTTPError(400, reason="Expected A Time In The Filter") from error

    def number(self, name: str) -> int | None:
        """Read a whole number in the address."""
        text = self.get_query_argument(name, "")
        if not text:
            return None
        if not text.isascii() or not text.isdecimal() or len(text) > 17:
            raise HTTPError(400, reason="Expected A Number")
        return int(text)

    async def known(self, found: Future[dict[str, Any] | None]) -> None:
        """Answer with what was found; 404 where there is nothing, 409 for what can't be read."""
        try:
            value = await asyncio.wrap_future(found)
        except (ReceiptError, OSError) as error:
            self.set_status(409)
            self.answer({"error": str(error)})
            return
        if value is None:
            raise HTTPError(404, reason="No Such Receipt")
        self.answer(value)


class ReceiptsHandler(LedgerHandler):
    """Receipts: the latest, those before a place, or those that came after a number."""

    async def get(self) -> None:
        """List receipts."""
        wanted, after = self.wanted(), self.number("after")
        if after is not None:
            self.answer(await asyncio.wrap_future(self.ledger.news(wanted, after, PAGE)))
            return
        at, seq = self.number("at"), self.number("seq")
        before = Place(at, seq) if at is not None and seq is not None else None
        self.answer(await asyncio.wrap_future(self.ledger.page(wanted, PAGE, before)))


class ChartsHandler(LedgerHandler):
    """Sums over time."""

    async def get(self) -> None:
        """Sum up."""
        span = self.get_query_argument("span", "day")
        if span not in SPANS:
            raise HTTPError(400, reason="Expected Hour, Day Or Week")
        self.answer(await asyncio.wrap_future(self.ledger.charts(self.wanted(), span)))


class ChoicesHandler(LedgerHandler):
    """Names to filter by."""

    async def get(self) -> None:
        """List them."""
        self.answer(await asyncio.wrap_future(self.ledger.choices()))


class EvidenceHandler(LedgerHandler):
    """What proves a receipt."""

    async def get(self, identity: str) -> None:
        """Send it; the browser verifies."""
        await self.known(self.ledger.evidence(identity))


class StoryHandler(LedgerHandler):
    """A call from its request to its outcome, with what a person was asked about it."""

    def initialize(self, questions: Questions, **shared: Any) -> None:  # type: ignore[override]
        """Take the approvals too."""
        super().initialize(**shared)
        self.questions = questions

    async def get(self, identity: str) -> None:
        """Tell the story."""
        try:
            story = await asyncio.wrap_future(self.ledger.story(identity))
        except (ReceiptError, OSError) as error:
            raise HTTPError(409, reason="Unreadable") from error
        if story is None:
            raise HTTPError(404, reason="No Such Receipt")
        flow = story["receipts"][0]["flow"] if story["receipts"] else None
        asked = await asyncio.to_thread(_asked, self.questions, flow) if flow else []
        self.answer(story | {"questions": asked})


class ApprovalsHandler(PageHandler):
    """What waits for a person, and the person's answer."""

    def initialize(self, questions: Questions, **shared: Any) -> None:  # type: ignore[override]
        """Take the approvals too."""
        super().initialize(**shared)
        self.questions = questions

    async def get(self, identity: str = "") -> None:
        """List what waits."""
        try:
            self.answer({"waiting": await asyncio.to_thread(self.questions.waiting)})
        except StoreError as error:
            self._refuse(error)

    async def post(self, identity: str) -> None:
        """Decide on a question: once, hour or deny."""
        answer = self.given().get("answer", "")
        if answer not in ANSWERS or not ID.fullmatch(identity):
            raise HTTPError(400, reason="Expected Once, Hour Or Deny")
        try:
            self.answer(await asyncio.to_thread(self.questions.answer, identity, answer))
        except (NotPending, StoreError, ReceiptError, OSError) as error:
            self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        self.set_status(409)
        self.answer({"error": str(error)})


class StateHandler(PageHandler):
    """A handler that looks at the state when it is asked."""

    def initialize(self, state: SharedState, **shared: Any) -> None:  # type: ignore[override]
        """Take the state too."""
        super().initialize(**shared)
        self.state = state


class BudgetsHandler(StateHandler):
    """What is used of each budget."""

    async def get(self) -> None:
        """List the limits, the fullest first; none where there are no budgets."""
        try:
            found = await asyncio.to_thread(_shares, self.state)
        except BalanceError:
            found = []
        told = [asdict(share) | {"ratio": share.ratio} for share in found]
        told.sort(key=lambda share: share["ratio"], reverse=True)
        self.answer({"budgets": told[:PAGE]})


class BoundariesHandler(StateHandler):
    """The boundaries that run."""

    async def get(self) -> None:
        """List them, as they describe themselves."""
        found = await asyncio.to_thread(_boundaries, self.state)
        self.answer({"boundaries": found, "isFleet": self.state.database is not None})


def _shares(state: SharedState) -> list[Share]:
    store = state.open_balances()
    if store is None:
        return []
    try:
        return shares(store)
    finally:
        store.close()


def _boundaries(state: SharedState) -> list[dict[str, Any]]:
    try:
        found = state.boundaries()
    except (ReceiptError, OSError):
        return []
    return [
        asdict(health) | {"ready": health.ready, "name": name} for name, health in found.items()
    ]


def _asked(questions: Questions, flow: str) -> list[dict[str, Any]]:
    try:
        return questions.of_call(flow)
    except StoreError:
        return []
