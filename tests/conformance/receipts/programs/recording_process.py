"""A process that records calls from 16 tasks and forwards each one after its receipt.

recording_process.py NAME STATE [DATABASE]

Forwarding is a line on standard output: once it is written, the upstream has seen the call.
"""

import asyncio
import itertools
import os
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
sys.path[:0] = [str(ROOT / "receipts"), str(ROOT / "tests")]

from helm_receipts.database.address import Address  # noqa: E402
from helm_receipts.errors import RecorderError  # noqa: E402
from helm_receipts.recording.database_place import Database  # noqa: E402
from helm_receipts.recording.recorder import Recorder  # noqa: E402
from support.receipts import CONFIGURATION, outcome, request  # noqa: E402

CONNECTIONS = 16


async def connection(recorder: Recorder, name: str) -> None:
    """One connection: a call after the other."""
    for number in itertools.count():
        call = f"{name}.{number}"
        with suppress(RecorderError):  # while a database is away
            await recorder.record(request(call))
            os.write(1, f"{call}\n".encode())
            await asyncio.sleep(0.0005)
            if number % 5:
                await recorder.record(outcome(call))
            else:
                recorder.record_now(outcome(call))
            continue
        await asyncio.sleep(0.01)


async def main(name: str, state: Path, database: str = "") -> None:
    """Run until killed."""
    recorder = Recorder.open(
        state,
        version="0.1.0",
        configuration=CONFIGURATION,
        segment_bytes=300_000,
        database=Database(Address(database), 1.0) if database else None,
    )
    await asyncio.gather(*(connection(recorder, f"{name}.{i}") for i in range(CONNECTIONS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]))
