"""A network that loses the database's answers: nothing is lost with them, nothing doubled."""

import asyncio
import random
from contextlib import suppress
from pathlib import Path

from helm_receipts.database.address import Address
from helm_receipts.errors import RecorderError
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.recorder import Recorder
from support.cutting import Cutting
from support.engines import check
from support.postgresql import Server
from support.receipts import CONFIGURATION, outcome, request
from support.table_state import TableState

CALLS = 200


def test_an_answer_that_is_cut_off_is_looked_for(
    tmp_path: Path, database: Address, postgresql: Server
) -> None:
    """Connections are cut at random bytes of what comes back, that of a COMMIT among them.

    A call that got its receipt is there once, and one that was refused has an end.
    """
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance, name = random.Random(seed), database.text.rpartition("/")[2]
    state = TableState(tmp_path / "state", database)
    seen, refused = set[str](), 0

    async def call(recorder: Recorder, call: str) -> None:
        nonlocal refused
        try:
            await recorder.record(request(call))
        except RecorderError:
            refused += 1
            await asyncio.sleep(0.2)
            return
        seen.add(call)
        with suppress(RecorderError):
            await recorder.record(outcome(call))

    async def calls(recorder: Recorder, group: int) -> None:
        for number in range(CALLS // 4):
            await call(recorder, f"{group}.{number}")

    async def work(through: Cutting) -> None:
        through.calm.set()
        way = Database(postgresql.address(name, through.port), 1.0)
        recorder = Recorder.open(
            tmp_path / "state", version="0", configuration=CONFIGURATION, database=way
        )
        through.calm.clear()
        await asyncio.gather(*(calls(recorder, group) for group in range(4)))
        through.calm.set()
        await asyncio.sleep(2.5)
        await asyncio.to_thread(recorder.close)

    with Cutting(postgresql.port, chance) as through:
        asyncio.run(work(through))
        cuts = through.cuts
    state.open().close()
    recorded = [said["flow"]["id"] for said in state.new_predicates() if said["phase"] == "request"]
    assert len(recorded) == len(set(recorded)), f"seed {seed}"
    assert seen <= set(recorded), f"seed {seed}"
    assert len(seen) > CALLS / 2
    assert cuts > 3
    report = check(state.folder())
    assert report.is_complete
    assert report.calls == len(recorded)
    print(f"{cuts} cuts, {len(seen)} calls, {refused} refused, {report.receipts} receipts")
