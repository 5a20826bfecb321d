"""Group commit: receipts that are durable when `record` returns, at one sync for many.

Drafts wait in a queue until the event loop has run everything that is ready; then one batch takes
what is waiting. The batch is written on the loop's own thread while the disk is quick, because
handing it to another thread costs more than a sync of a fraction of a millisecond, and what
becomes ready meanwhile forms the next batch. Where syncs usually take longer the write goes to a
thread, so that the other calls go on.
"""

import asyncio
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from helm_receipts.envelope import opening
from helm_receipts.envelope.predicate import Boundary
from helm_receipts.envelope.statement import Draft
from helm_receipts.errors import Broken, KeyRefused, LogError, RecorderError
from helm_receipts.journal.journal import SEGMENT_BYTES
from helm_receipts.layout import Layout

from .database_place import Database, Unlogged
from .integrator import Integrator
from .keyset import open_keyset
from .lifecycle import start_session, stop_session
from .writer import MAX_BATCH, Batch, Receipt, Writer, first_error

_logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_SLOW_WRITE_SECONDS = 0.003
_LEARNING_RATE = 0.05

__all__ = ["Receipt", "Recorder"]

_Waiting = tuple[Draft, "asyncio.Future[Receipt]"]


class Recorder:
    """Records what the boundary decides. Belongs to one event loop's thread."""

    def __init__(
        self, writer: Writer, pseudonyms: opening.SecretKey, integrator: Integrator | Unlogged
    ) -> None:
        self._writer = writer
        self._integrator = integrator
        self._pseudonyms = pseudonyms
        self._waiting: deque[_Waiting] = deque()
        self._scheduled = False
        self._flight: tuple[Batch, list[_Waiting], Future[None]] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="receipts")
        self._recover_after = 0.0
        # What waits for another machine never waits on the loop's own thread.
        self._usual_write = math.inf if writer.is_remote else 0.0
        self._ending = threading.Event()
        self._recovery: Future[None] | None = None
        self._closed = False
        self.told: Callable[[Draft, Receipt], None] = _tell_nobody
        """Called with each decision that has become durable, before whoever asked goes on."""

    @classmethod
    def open(
        cls,
        state: Path,
        *,
        version: str,
        configuration: str,
        segment_bytes: int = SEGMENT_BYTES,
        whom: Sequence[str] = (),
        database: Database | None = None,
    ) -> "Recorder":
        """Take a writer's place in `state`, made on first use, and record that a session starts.

        `configuration` is the SHA-256 of the boundary's configuration, in hex. To `whom`, each
        `witness=URL,vkey` or `timestamp=URL`, the log's checkpoints are shown. Where there is a
        `database`, receipts go there, and `state` only has what is this process's own.

        Checks the end of the journal, puts a torn last line into quarantine and closes the calls
        that a crash left open. `RecorderError` when any of that isn't possible, saying what to do.
        """
        try:
            if database is not None:
                return cls._open_tables(Layout(state), version, configuration, database)
            return cls._open(Layout(state), version, configuration, segment_bytes, whom)
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
        cls,
        layout: Layout,
        version: str,
        configuration: str,
        segment_bytes: int,
        whom: Sequence[str],
    ) -> "Recorder":
        keys = open_keyset(layout)
        boundary = Boundary(keys.origin, version, configuration)
        writer = start_session(layout, keys, boundary, segment_bytes)
        integrator = Integrator(layout, keys, whom)
        integrator.start()
        return cls(writer, keys.pseudonym, integrator)

    @classmethod
    def _open_tables(
        cls, layout: Layout, version: str, configuration: str, database: Database
    ) -> "Recorder":
        from .table_session import start_table_session  # nothing of it is imported otherwise

        keys, writer = start_table_session(layout, version, configuration, database)
        return cls(writer, keys.pseudonym, Unlogged())

    @property
    def writer(self) -> str:
        """Whose receipts these are."""
        return self._writer.name

    @property
    def is_coming_back(self) -> bool:
        """Whether no receipt can be written now, and that is tried again without being asked."""
        return self._recovery is not None and not self._recovery.done()

    def foresee(self, draft: Draft) -> None:
        """Say which draft will probably be recorded next, when there is time to get it ready."""
        if not (self._waiting or self._flight or self._writer.is_closed or self._recovery):
            self._writer.foresee(draft)

    async def record(self, draft: Draft, patience: float = 0.0) -> Receipt:
        """Record a decision: durable when this returns. `RecorderError` when it isn't.

        `patience` is for how many seconds nobody else needs this thread: where a write usually
        takes less, it is done at once, without a turn of the loop.
        """
        (receipt,) = await self.record_all([draft], patience)
        return receipt

    async def record_all(self, drafts: Sequence[Draft], patience: float = 0.0) -> list[Receipt]:
        """Record decisions in order, in one batch where they fit; otherwise as `record` does."""
        if self._usual_write < patience and not self._waiting and self._flight is None:
            return self._record_here(drafts)
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Receipt]] = [loop.create_future() for _ in drafts]
        self._waiting.extend(zip(drafts, futures, strict=True))
        self._schedule(loop)
        if len(futures) == 1:  # nearly always, and cheaper
            return [await futures[0]]
        results = await asyncio.gather(*futures, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, Receipt)]

    def record_now(self, draft: Draft) -> Receipt:
        """Record a decision without giving the loop a turn; what is pending goes first."""
        self._drain()
        (receipt,) = self._record_here([draft])
        return receipt

    def _record_here(self, drafts: Sequence[Draft]) -> list[Receipt]:
        """Record decisions when nothing else is pending."""
        try:
            self._ensure_open()
            batch = self._writer.prepare(drafts)
            self._write(batch)
        except RecorderError:
            self._abandon(drafts)
            raise
        self._writer.settle(batch)
        self._integrator.note(len(drafts))
        self._tell(drafts, batch)
        if (error := first_error(batch.results)) is not None:
            raise error
        return [result for result in batch.results if isinstance(result, Receipt)]

    def pseudonym(self, api_key: str) -> str:
        """Return a stable name for an API key, HMAC-SHA256 in hex, that can't be turned back."""
        return opening.pseudonym(self._pseudonyms, api_key)

    def close(self) -> None:
        """Record what is pending, close open calls, record that the session stops. Idempotent."""
        if self._closed:
            return
        self._closed = True
        try:
            self._drain()
            self._ending.set()
            if self._recovery is not None:
                self._recovery.exception()
            if self._writer.is_closed:
                self._writer.recover()
            stop_session(self._writer)
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
        if self._usual_write < _SLOW_WRITE_SECONDS:
            self._finish(batch, waiting, self._written_here(batch))
            self._schedule(loop)
            return
        flight = self._thread.submit(self._write, batch)
        self._flight = batch, waiting, flight
        flight.add_done_callback(lambda _: loop.call_soon_threadsafe(self._land, loop, batch))

    def _take(self) -> list[_Waiting] | None:
        """Take what is waiting, for one batch; None when it had to be refused."""
        waiting = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        try:
            self._ensure_open()
        except RecorderError as error:
            self._refuse(waiting, error)
            return None
        return waiting

    def _write(self, batch: Batch) -> None:
        """Write a batch, and learn how long that takes here."""
        begun = time.monotonic()
        try:
            self._writer.write(batch)
        finally:
            taken = time.monotonic() - begun
            if not math.isinf(self._usual_write):
                self._usual_write += (taken - self._usual_write) * _LEARNING_RATE

    def _written_here(self, batch: Batch) -> RecorderError | None:
        try:
            self._write(batch)
        except RecorderError as error:
            return error
        return None

    def _land(self, loop: asyncio.AbstractEventLoop, batch: Batch) -> None:
        """Settle a batch that another thread wrote, unless `record_now` has done so."""
        if self._flight is not None and self._flight[0] is batch:
            self._settle_flight()
        self._schedule(loop)

    def _settle_flight(self) -> None:
        assert self._flight is not None  # noqa: S101 - callers have looked
        batch, waiting, flight = self._flight
        error = flight.exception()
        self._flight = None
        self._finish(batch, waiting, error)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting and not self._scheduled and self._flight is None:
            self._scheduled = True
            loop.call_soon(self._flush, loop)

    def _finish(self, batch: Batch, waiting: list[_Waiting], error: BaseException | None) -> None:
        if error is not None:
            self._refuse(waiting, error)
            return
        self._writer.settle(batch)
        self._integrator.note(len(waiting))
        self._tell([draft for draft, _ in waiting], batch)
        for (_, future), result in zip(waiting, batch.results, strict=True):
            _answer(future, result)

    def _tell(self, drafts: Sequence[Draft], batch: Batch) -> None:
        for draft, result in zip(drafts, batch.results, strict=True):
            if isinstance(result, Receipt):
                self.told(draft, result)

    def _refuse(self, waiting: list[_Waiting], error: BaseException) -> None:
        self._abandon([draft for draft, _ in waiting])
        for _, future in waiting:
            _answer(future, error)

    def _abandon(self, drafts: Sequence[Draft]) -> None:
        """Give drafts up, and come back from what closed the journal, whoever asks next or not.

        Else an outcome that is owed would wait for the next call, and that one would be denied.
        """
        self._writer.abandon(drafts)
        if self._writer.is_remote and self._writer.is_closed and not self._closed:
            self._recover_aside()

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
        if self._recovery is not None and self._recovery.done():
            self._recovery = None
        if not self._writer.is_closed and self._recovery is None:
            return
        if self._writer.is_remote:
            self._recover_aside()
            raise RecorderError(
                "no receipt can be written at the moment, and that is tried again every second; "
                "look at the database and the way to it"
            )
        if time.monotonic() < self._recover_after:
            raise RecorderError(
                "the journal is closed after a failed write and is tried again every second; "
                "free some room on its file system or look at the kernel's log"
            )
        self._recover_after = time.monotonic() + _RETRY_SECONDS
        self._writer.recover()

    def _recover_aside(self) -> None:
        """Come back on the other thread, which nothing else has to do meanwhile."""
        if self._recovery is None:
            self._recovery = self._thread.submit(self._recover_until_back)

    def _recover_until_back(self) -> None:
        told = ""
        while self._writer.is_closed and not self._ending.is_set():
            try:
                self._writer.recover()
            except RecorderError as error:
                if str(error) != told:  # it will be the same in a second
                    _logger.error("helm-boundary: no receipt can be written: %s", error)
                told = str(error)
                self._ending.wait(_RETRY_SECONDS)
        if told and not self._writer.is_closed:
            _logger.warning("helm-boundary: receipts are written again")


def _tell_nobody(_draft: Draft, _receipt: Receipt) -> None:
    """Tell nobody."""


def _answer(future: "asyncio.Future[Receipt]", result: Receipt | BaseException) -> None:
    """Wake a waiter, unless it has gone away."""
    if future.done() or future.get_loop().is_closed():
        return
    if isinstance(result, Receipt):
        future.set_result(result)
    else:
        future.set_exception(_own(result))


def _own(error: BaseException) -> RecorderError:
    """Copy an exception for one waiter: each raises its own, with its own traceback."""
    kind = type(error) if isinstance(error, RecorderError) else RecorderError
    copy = kind(str(error))
    copy.__cause__ = error.__cause__ or error
    return copy
