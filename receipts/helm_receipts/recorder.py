"""Group commit: receipts that are durable when `record` returns, at one sync for many.

Drafts wait in a queue until the event loop has run everything that is ready; then one batch takes
what is waiting. With one call in the boundary the batch is written on the loop's own thread,
because handing it to another costs more than the sync. With several the write goes to a thread,
so that the other calls go on meanwhile; what they record forms the next batch.
"""

import asyncio
import os
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from helm_receipts import durable, identity, keys, opening
from helm_receipts.errors import Broken, KeyRefused, LogError, RecorderError
from helm_receipts.integrator import Integrator
from helm_receipts.journal import SEGMENT_BYTES, Journal, list_writers
from helm_receipts.layout import Layout
from helm_receipts.log import Tree, read_tree
from helm_receipts.openings import Openings
from helm_receipts.pending import check_cursors
from helm_receipts.predicate import Boundary
from helm_receipts.publish import publish
from helm_receipts.resume import resume
from helm_receipts.statement import Draft
from helm_receipts.writer import Batch, Receipt, Writer, first_error, session

MAX_BATCH = 256
_RETRY_SECONDS = 1.0
_WRITER_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"

__all__ = ["Receipt", "Recorder"]

_Waiting = tuple[Draft, "asyncio.Future[Receipt]"]


class Recorder:
    """Records what the boundary decides. Belongs to one event loop's thread."""

    def __init__(
        self, writer: Writer, pseudonyms: opening.SecretKey, integrator: Integrator
    ) -> None:
        self._writer = writer
        self._integrator = integrator
        self._pseudonyms = pseudonyms
        self._waiting: deque[_Waiting] = deque()
        self._scheduled = False
        self._flight: tuple[Batch, list[_Waiting], Future[None]] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="receipts")
        self._recover_after = 0.0
        self._closed = False

    @classmethod
    def open(
        cls, state: Path, *, version: str, configuration: str, segment_bytes: int = SEGMENT_BYTES
    ) -> "Recorder":
        """Take a writer's place in `state`, made on first use, and record that a session starts.

        `configuration` is the SHA-256 of the boundary's configuration, in hex. Checks the end of
        the journal, puts a torn last line into quarantine and closes the calls that a crash left
        open. `RecorderError` when any of that isn't possible, saying what to do.
        """
        try:
            return cls._open(Layout(state), version, configuration, segment_bytes)
        except Broken as error:
            raise RecorderError(
                f"expected a journal that follows from itself, found {error}; keep {state} for "
                "the auditor (`helm-boundary receipts fsck` says more) and start with another "
                "state folder"
            ) from error
        except (KeyRefused, LogError, OSError) as error:
            raise RecorderError(f"receipts can't be kept in {state}: {error}") from error

    @classmethod
    def _open(
        cls, layout: Layout, version: str, configuration: str, segment_bytes: int
    ) -> "Recorder":
        for folder in (layout.state, layout.keys, layout.journal):
            durable.make_folder(folder)
        key, log_key = _signing_keys(layout)
        pseudonyms = opening.load_or_create_secret(layout.keys, "pseudonym")
        origin = identity.load_or_create_origin(layout.origin)
        published = publish(layout, origin, key.public, log_key.public)
        tree = read_tree(layout)
        check_cursors(layout.journal, tree.cursors)
        boundary = Boundary(origin, version, configuration)
        journal = _take_journal(layout, segment_bytes)
        writer = Writer(journal, key, Openings(layout.keys), boundary)
        try:
            _start(writer, journal, key, tree)
        except BaseException:
            writer.close()
            raise
        integrator = Integrator(layout, log_key, published)
        integrator.start()
        return cls(writer, pseudonyms, integrator)

    async def record(self, draft: Draft) -> Receipt:
        """Record a decision: durable when this returns. `RecorderError` when it isn't."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Receipt] = loop.create_future()
        self._waiting.append((draft, future))
        if not self._scheduled and self._flight is None:
            self._scheduled = True
            loop.call_soon(self._flush, loop)
        return await future

    def record_now(self, draft: Draft) -> Receipt:
        """`record` without giving the loop a turn; what is pending goes first, in order."""
        self._drain()
        self._ensure_open()
        result = self._writer.commit([draft]).results[-1]
        self._integrator.note(1)
        if isinstance(result, RecorderError):
            raise result
        return result

    def pseudonym(self, api_key: str) -> str:
        """A stable name for an API key, HMAC-SHA256 in hex, that can't be turned back into it."""
        return opening.pseudonym(self._pseudonyms, api_key)

    def close(self) -> None:
        """Record what is pending, close open calls, record that the session stops. Idempotent."""
        if self._closed:
            return
        self._closed = True
        try:
            self._drain()
            if self._writer.is_closed:
                self._writer.recover()
            closing = self._writer.close_calls("stopped")
            self._writer.commit([*closing, session("stop", {"closedCalls": len(closing)})])
        finally:
            self._thread.shutdown()
            self._integrator.close()
            self._writer.close()

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = False
        if self._flight is not None or not self._waiting:
            return
        waiting = self._take()
        if waiting is None:
            return
        batch = self._writer.prepare([draft for draft, _ in waiting])
        if len(self._writer.open_calls) <= 1 and len(waiting) == 1:
            self._finish(batch, waiting, self._written_here(batch))
            self._flush_again(loop)
            return
        flight = self._thread.submit(self._writer.write, batch)
        self._flight = batch, waiting, flight
        flight.add_done_callback(lambda _: loop.call_soon_threadsafe(self._land, loop, batch))

    def _take(self) -> list[_Waiting] | None:
        """What is waiting, for one batch; None when it had to be refused."""
        waiting = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        try:
            self._ensure_open()
        except RecorderError as error:
            self._refuse(waiting, error)
            return None
        return waiting

    def _written_here(self, batch: Batch) -> RecorderError | None:
        try:
            self._writer.write(batch)
        except RecorderError as error:
            return error
        return None

    def _land(self, loop: asyncio.AbstractEventLoop, batch: Batch) -> None:
        """A batch that another thread wrote is done, unless `record_now` has settled it."""
        if self._flight is not None and self._flight[0] is batch:
            self._settle_flight()
        self._flush_again(loop)

    def _settle_flight(self) -> None:
        assert self._flight is not None  # noqa: S101 - callers have looked
        batch, waiting, flight = self._flight
        error = flight.exception()
        self._flight = None
        self._finish(batch, waiting, error)

    def _flush_again(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting and not self._scheduled and self._flight is None:
            self._scheduled = True
            loop.call_soon(self._flush, loop)

    def _finish(self, batch: Batch, waiting: list[_Waiting], error: BaseException | None) -> None:
        if error is not None:
            self._refuse(waiting, error)
            return
        self._writer.settle(batch)
        self._integrator.note(len(waiting))
        for (_, future), result in zip(waiting, batch.results, strict=True):
            _answer(future, result)

    def _refuse(self, waiting: list[_Waiting], error: BaseException) -> None:
        self._writer.abandon(draft for draft, _ in waiting)
        for _, future in waiting:
            _answer(future, error)

    def _drain(self) -> None:
        """Bring everything that is pending to its end, on this thread."""
        if self._flight is not None:
            self._settle_flight()
        while self._waiting:
            waiting = self._take()
            if waiting is not None:
                batch = self._writer.prepare([draft for draft, _ in waiting])
                self._finish(batch, waiting, self._written_here(batch))

    def _ensure_open(self) -> None:
        """Refuse while the journal is closed, but try to reopen it once a second."""
        if self._closed and self._writer.is_closed:
            raise RecorderError("the recorder was closed; open another one")
        if not self._writer.is_closed:
            return
        if time.monotonic() < self._recover_after:
            raise RecorderError(
                "the journal is closed after a failed write and is tried again every second; "
                "free some room on its file system or look at the kernel's log"
            )
        self._recover_after = time.monotonic() + _RETRY_SECONDS
        self._writer.recover()


def _answer(future: "asyncio.Future[Receipt]", result: Receipt | BaseException) -> None:
    """Wake a waiter, unless it has gone away."""
    if future.done() or future.get_loop().is_closed():
        return
    if isinstance(result, Receipt):
        future.set_result(result)
    else:
        future.set_exception(_own(result))


def _own(error: BaseException) -> RecorderError:
    """An exception of its own for each waiter: they raise it on tracebacks of their own."""
    kind = type(error) if isinstance(error, RecorderError) else RecorderError
    copy = kind(str(error))
    copy.__cause__ = error.__cause__ or error
    return copy


def _signing_keys(layout: Layout) -> tuple[keys.SigningKey, keys.SigningKey]:
    """The receipt and log keys. Once some were published, a missing one isn't made anew."""
    made = (layout.log / "keys.json").exists()
    if made:
        receipt, log = (keys.load(layout.keys / f"{role}.pem", role) for role in ("receipt", "log"))
    else:
        receipt, log = (keys.load_or_create(layout.keys, role) for role in ("receipt", "log"))
    return receipt, log


def _take_journal(layout: Layout, segment_bytes: int) -> Journal:
    """The first writer's folder that nobody holds, or a new one."""
    for folder in list_writers(layout.journal):
        try:
            return Journal(folder, layout.quarantine, segment_bytes)
        except BlockingIOError:
            continue
    name = "".join(_WRITER_ALPHABET[byte % 32] for byte in os.urandom(8))
    durable.make_folder(layout.journal / name)
    return Journal(layout.journal / name, layout.quarantine, segment_bytes)


def _start(writer: Writer, journal: Journal, key: keys.SigningKey, tree: Tree) -> None:
    quarantined = journal.open_last()
    state = resume(journal.folder, key.public)
    writer.take_up(state)
    orphans = writer.close_calls("recovered")
    previous = "none" if state.number == 0 else "clean" if state.stopped else "crash"
    facts: dict[str, int | str] = {
        "closedCalls": len(orphans),
        "logRoot": tree.root.hex(),
        "logSize": tree.size,
        "previousStop": previous,
        "process": os.getpid(),
        "quarantinedBytes": quarantined,
    }
    for start in range(0, len(orphans), MAX_BATCH):
        writer.commit(orphans[start : start + MAX_BATCH])
    error = first_error(writer.commit([session("start", facts)]).results)
    if error is not None:
        raise error
