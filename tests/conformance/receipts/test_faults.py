"""Every system call of an append and of an integration fails once, or is the process's last."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from helm_receipts.audit.fsck import FsckReport, fsck
from helm_receipts.journal.records import read_records
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import read_published
from support.receipts import record_calls
from support.verifiers import PROGRAMS

# What changes the disk: every fifth call of these has its turn, with HELM_FAULTS=1 each of them.
# HELM_FAULTS=all adds what only looks at the disk, for a few minutes more.
_CHANGING = (
    "write,pwrite64,fdatasync,fsync,openat,rename,ftruncate,fallocate,mkdir,unlink,rmdir,link,flock"
)
_LOOKING = "close,newfstatat,read,lseek,getdents64"
TRACED = _CHANGING + ("," + _LOOKING if os.environ.get("HELM_FAULTS") == "all" else "")
_STRIDE = 1 if os.environ.get("HELM_FAULTS") else 5
_PROGRAM = str(PROGRAMS / "one_append.py")
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")


def traced(state: Path, trace: Path, *inject: str) -> subprocess.CompletedProcess[bytes]:
    """Run the program under strace."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace isn't on this machine")
    # With --seccomp-bpf, which is faster, signals aren't injected.
    fast = [] if any("signal" in option for option in inject) else ["--seccomp-bpf"]
    options = ["-f", *fast, "-o", str(trace), "-e", f"trace={TRACED},access,faccessat2"]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    command = [strace, *options, *inject, sys.executable, "-s", _PROGRAM, str(state)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False, env=environment)


def calls_between(trace: Path, start: str, end: str) -> list[tuple[str, int]]:
    """List the traced calls between two marks, each with its number in the whole run."""
    counted: Counter[str] = Counter()
    found, inside = [], False
    for line in trace.read_text(errors="replace").splitlines():
        if "/mark/" in line:
            inside = (f"/mark/{start}" in line) or (inside and f"/mark/{end}" not in line)
            continue
        match = _CALL.match(line)
        if match is None:
            continue
        counted[match[1]] += 1
        if inside and match[1] in TRACED.split(","):
            found.append((match[1], counted[match[1]]))
    return found


def recovered(state: Path) -> FsckReport:
    """Start a new session over what is left, then run fsck."""
    record_calls(state, 1)
    known = read_published(Layout(state))
    return fsck(state, [k.key for k in known.receipt], [known.log[-1].key])


@pytest.mark.parametrize("fault", ["error=EIO", "signal=KILL"])
@pytest.mark.parametrize(("start", "end"), [("append", "integrate"), ("integrate", "end")])
def test_any_single_fault_is_survived(tmp_path: Path, start: str, end: str, fault: str) -> None:
    """Nothing is forwarded without its receipt, the next session goes on, fsck passes."""
    template = tmp_path / "template"
    record_calls(template, 130)
    probe = tmp_path / "probe"
    shutil.copytree(template, probe)
    # This run leaves compiled modules behind, so that all others make the same calls.
    subprocess.run(
        [sys.executable, "-s", _PROGRAM, str(probe)], check=True, timeout=60, capture_output=True
    )
    shutil.rmtree(probe)
    shutil.copytree(template, probe)
    done = traced(probe, tmp_path / "trace")
    if done.returncode != 0 or b"forwarded" not in done.stdout:
        pytest.skip(f"strace can't trace here: {done.stderr.decode()[-200:]}")
    calls = calls_between(tmp_path / "trace", start, end)
    assert len(calls) >= 4
    assert {"fdatasync"} <= {name for name, _ in calls} or start == "integrate"
    struck = 0
    calls = calls[::_STRIDE]
    for name, number in calls:
        state = tmp_path / "state"
        shutil.copytree(template, state)
        done = traced(state, tmp_path / "trace", "-e", f"inject={name}:{fault}:when={number}")
        struck += b"(INJECTED)" in (tmp_path / "trace").read_bytes() or done.returncode != 0
        where = f"{fault} at {name} {number}: {done.stdout!r}"
        report = recovered(state)
        recorded = [r.predicate.get("flow", {}).get("id") for r in read_records(state / "journal")]
        if b"forwarded" in done.stdout:
            assert "traced" in recorded, where
        assert report.is_complete, where
        assert report.size == report.receipts, where
        shutil.rmtree(state)
    print(f"{fault} into {len(calls)} calls of {start}: {struck} struck")
    # A call's number can shift when somebody else compiles a module meanwhile.
    assert struck >= len(calls) * 0.9
