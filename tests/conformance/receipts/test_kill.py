"""Killed at any moment: nothing that was forwarded is without its receipt, and the log goes on."""

import os
import random
import signal
import subprocess
import sys
import time

from support.engines import FolderState, State, check
from support.verifiers import PROGRAMS

# Fifty take half a minute in a folder, and ten times as long in a database: there a tenth will do.
KILLS = int(os.environ.get("HELM_KILLS", "20"))


def run_and_kill(state: State, name: str, chance: random.Random) -> set[str]:
    """Start a recording process, kill it under load, and say which calls it forwarded."""
    program = PROGRAMS / "recording_process.py"
    with subprocess.Popen(
        [sys.executable, str(program), name, *state.arguments], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        # Some are killed while they start; most once calls are under way.
        if chance.random() < 0.9:
            first = process.stdout.readline()
            assert first, "the process ended before its first call"
        else:
            first = b""
            time.sleep(chance.uniform(0, 0.3))
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        # What was written last may be cut off: a line without its end wasn't forwarded whole.
        lines = (first + process.stdout.read()).split(b"\n")[:-1]
    return {line.decode() for line in lines}


def test_nothing_is_forwarded_without_a_durable_receipt(any_state: State) -> None:
    """After every kill each forwarded call has its request receipt.

    Fsck names a torn last line at most; at the end every call has one outcome and everything is in
    the log.
    """
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    forwarded, recorded = 0, set[str]()
    kills = KILLS if isinstance(any_state, FolderState) else max(1, KILLS // 10)
    for kill in range(kills):
        seen = run_and_kill(any_state, f"run{kill}", chance)
        forwarded += len(seen)
        recorded |= {
            said["flow"]["id"] for said in any_state.new_predicates() if said["phase"] == "request"
        }
        assert seen <= recorded, f"seed {seed}: forwarded without a receipt: {seen - recorded}"
        if kill % 20 == 19 and (any_state.folder() / "log" / "checkpoint").exists():
            assert len(check(any_state.folder()).torn) <= 1
    assert forwarded > kills
    any_state.open().close()
    report = check(any_state.folder())
    assert report.is_complete
    assert report.calls == len(recorded)
    print(f"{kills} kills, {forwarded} calls forwarded, {report.receipts} receipts")
