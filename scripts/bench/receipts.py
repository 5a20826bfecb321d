#!/usr/bin/env python3
"""The time that receipts take: building, committing, integrating, checking.

    scripts/bench/run receipts [--receipts N] [--folder DIR] [--commits-only]

Everything is compared with what it can't be faster than, measured in the same run: a signature, a
sync, a verification.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "receipts"), str(ROOT / "tests")]

from helm_receipts.audit.ahead import start_checkers  # noqa: E402
from helm_receipts.audit.checked_line import check_each  # noqa: E402
from helm_receipts.audit.fsck import fsck  # noqa: E402
from helm_receipts.database.address import Address  # noqa: E402
from helm_receipts.database.connections import connect  # noqa: E402
from helm_receipts.envelope.predicate import Boundary  # noqa: E402
from helm_receipts.journal.journal import SEGMENT_BYTES  # noqa: E402
from helm_receipts.layout import Layout  # noqa: E402
from helm_receipts.log.log import Log  # noqa: E402
from helm_receipts.recording.database_place import Database  # noqa: E402
from helm_receipts.recording.keyset import open_keyset  # noqa: E402
from helm_receipts.recording.lifecycle import start_session, stop_session  # noqa: E402
from helm_receipts.recording.recorder import Recorder  # noqa: E402
from helm_receipts.recording.writer import Writer  # noqa: E402
from support import postgresql  # noqa: E402
from support.receipts import CONFIGURATION, outcome, request  # noqa: E402
from support.short_folders import short_folder  # noqa: E402

MICRO, MILLI = 1e6, 1e3


def main() -> None:
    """Run all measurements in a folder of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--receipts", type=int, default=100_000, help="how many fsck checks")
    parser.add_argument("--folder", type=Path, help="on the file system to measure")
    parser.add_argument("--commits-only", action="store_true", help="not the rest")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        _measure(folder, 0 if arguments.commits_only else arguments.receipts)
    finally:
        shutil.rmtree(folder)


def _measure(folder: Path, receipts: int) -> None:
    verification = _primitives(folder)
    if receipts:
        _building(folder / "building")
    with _database() as database:
        for connections in (1, 16):
            p50 = _committing(folder, connections)
            if database is not None:
                _committing_there(folder, connections, database, p50)
    if receipts:
        _growing(folder / "growing", receipts, verification)


def _primitives(folder: Path) -> float:
    """Measure a signature, a verification and a sync; return the seconds of a verification."""
    key = open_keyset(Layout(folder / "primitives")).receipt
    message = bytes(1300)
    signature = key.private.sign(message)
    _say("signature", _each(lambda: key.private.sign(message), 3000) * MICRO, "µs")
    verification = _each(lambda: key.public.verifies(signature, message), 3000)
    _say("verification", verification * MICRO, "µs")
    descriptor = os.open(folder / "sync", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write_and_sync() -> None:
        os.write(descriptor, message)
        os.fdatasync(descriptor)

    _say("write and fdatasync", _each(write_and_sync, 500) * MICRO, "µs")
    return verification


def _building(state: Path) -> None:
    with _writer(state) as writer:
        drafts = [request(f"call-{number}", body=bytes(1000)) for number in range(3000)]
        seconds = min(_each(lambda: writer.prepare(drafts[:1000]), 3) for _ in range(3)) / 1000
    _say("build, sign and wrap a receipt of 1 KB", seconds * MICRO, "µs")


def _committing(folder: Path, connections: int) -> float:
    """Measure how long a receipt takes to be durable in a folder; returns the median, in ms."""
    calls = 2000 // connections
    synced = asyncio.run(_load(folder / f"synced-{connections}", connections, calls))
    with _no_sync():
        bare = asyncio.run(_load(folder / f"bare-{connections}", connections, calls))
    name = f"record, {connections} connection{'s' if connections > 1 else ''}"
    _say(f"{name}: p50 durable", synced[0] * MILLI, "ms")
    _say(f"{name}: p50 without sync", bare[0] * MILLI, "ms")
    _say(f"{name}: p99 durable", synced[1] * MILLI, "ms")
    _say(f"{name}: receipts a second", synced[2], "")
    return synced[0] * MILLI


def _committing_there(folder: Path, connections: int, address: Address, in_folder: float) -> None:
    """Measure the same on PostgreSQL, beside what it may cost: the folder, one commit and 1 ms."""
    commit = _commit(address) * MILLI
    calls, own = 2000 // connections, folder / f"table-{connections}"
    p50, p99, rate = asyncio.run(_load(own, connections, calls, Database(address, 10.0)))
    name = f"PostgreSQL, {connections} connection{'s' if connections > 1 else ''}"
    _say(f"{name}: p50 durable", p50 * MILLI, "ms")
    _say(f"{name}: p99 durable", p99 * MILLI, "ms")
    _say(f"{name}: receipts a second", rate, "")
    _say("  one commit of 1.3 KB there", commit, "ms")
    bound = in_folder + commit + 1
    _say("  bound: folder + one commit + 1 ms", bound, "ms")
    _say("  of the bound", p50 * MILLI / bound * 100, "%")


@contextmanager
def _database() -> Iterator[Address | None]:
    """Run a PostgreSQL of our own; None where there is none, which is said."""
    if (why := postgresql.missing()) is not None:
        print(f"not beside PostgreSQL: {why}")
        yield None
        return
    place = short_folder()
    try:
        with postgresql.running_server(place) as server:
            yield postgresql.migrated(server)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _commit(address: Address) -> float:
    """Return the median seconds of an INSERT of a row and its COMMIT."""
    times = []
    with connect(address) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bench (line bytea)")
        for _ in range(500):
            start = time.perf_counter()
            connection.execute("INSERT INTO bench VALUES (%b)", (bytes(1300),))
            times.append(time.perf_counter() - start)
    return statistics.median(times)


async def _load(
    state: Path, connections: int, calls: int, database: Database | None = None
) -> tuple[float, float, float]:
    """Return p50 and p99 seconds of a record, and records a second, with time in between."""
    recorder = Recorder.open(state, version="bench", configuration=CONFIGURATION, database=database)
    times: list[float] = []

    async def connection(name: int) -> None:
        for number in range(calls):
            for draft in (request(f"{name}.{number}"), outcome(f"{name}.{number}")):
                start = time.perf_counter()
                await recorder.record(draft)
                times.append(time.perf_counter() - start)
                # A call spends most of its time elsewhere, each its own.
                await asyncio.sleep(random.uniform(0.5, 1.5) * 0.001 * connections)  # noqa: S311

    start = time.perf_counter()
    await asyncio.gather(*(connection(number) for number in range(connections)))
    elapsed = time.perf_counter() - start
    recorder.close()
    times.sort()
    return statistics.median(times), times[int(len(times) * 0.99)], len(times) / elapsed


def _growing(state: Path, receipts: int, verification: float) -> None:
    """Append and integrate, at the beginning and at the end of many; then fsck it all."""
    layout = Layout(state)
    keys = open_keyset(layout)
    early, late, integrations = [], [], []
    with _writer(state) as writer:
        log = Log(layout, keys.origin, keys.log)
        batches = receipts // 256
        for batch in range(batches):
            drafts = [
                draft
                for number in range(128)
                for draft in (request(f"{batch}.{number}"), outcome(f"{batch}.{number}"))
            ]
            start = time.perf_counter()
            writer.commit(drafts)
            appended = time.perf_counter()
            log.integrate(keys.published.receipt_key)
            integrations.append(time.perf_counter() - appended)
            edge = min(50, batches // 4)
            if batch < edge:
                early.append(appended - start)
            elif batch >= batches - edge:
                late.append(appended - start)
        log.close()
        stop_session(writer)
    log = Log(layout, keys.origin, keys.log)
    log.integrate(keys.published.receipt_key)
    log.close()
    first, last = statistics.median(early), statistics.median(late)
    _say("append in batches of 256, early", first / 256 * MICRO, "µs a receipt")
    _say(f"append in batches of 256, at {receipts}", last / 256 * MICRO, "µs a receipt")
    _say("  ratio", last / first, "")
    integrations.sort()
    _say("integrate 256: p50", statistics.median(integrations) * MILLI, "ms")
    _say("integrate 256: p99", integrations[int(len(integrations) * 0.99)] * MILLI, "ms")
    cores = os.cpu_count() or 1
    for processes, checkers in ((1, nullcontext(check_each)), (cores, start_checkers(cores))):
        start = time.perf_counter()
        with checkers as check:
            trusted = [keys.receipt.public], [keys.published.log[-1].key]
            report = fsck(state, *trusted, check=check)
        rate = report.receipts / (time.perf_counter() - start)
        _say(f"fsck of {report.receipts}, {processes} processes", rate, "receipts a second")
        _say("  of one core's raw verification rate", rate * verification * 100, "%")
    _say("most memory used", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MiB")


@contextmanager
def _writer(state: Path) -> Iterator[Writer]:
    layout = Layout(state)
    keys = open_keyset(layout)
    boundary = Boundary(keys.origin, "bench", CONFIGURATION)
    writer = start_session(layout, keys, boundary, SEGMENT_BYTES)
    try:
        yield writer
    finally:
        writer.close()


@contextmanager
def _no_sync() -> Iterator[None]:
    """Measure what a recorder would do that doesn't wait for the disk."""
    kept = os.fdatasync
    os.fdatasync = lambda _descriptor: None  # type: ignore[assignment]
    try:
        yield
    finally:
        os.fdatasync = kept


def _each(function: Callable[[], object], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        function()
    return (time.perf_counter() - start) / times


def _say(name: str, value: float, unit: str) -> None:
    print(f"{name:<52}{value:>12,.2f} {unit}".rstrip(), flush=True)


if __name__ == "__main__":
    main()
