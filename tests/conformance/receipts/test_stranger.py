"""A stranger's script, with hashlib alone, comes to the root that the checkpoint says."""

import subprocess
import sys
from pathlib import Path

from helm_receipts.envelope.checkpoint import parse_checkpoint
from helm_receipts.envelope.predicate import Boundary
from helm_receipts.journal.segments import list_segments, list_writers
from helm_receipts.layout import Layout
from helm_receipts.recording.rotation import rotate_receipt_key
from support.receipts import outcome, record_calls, recording, request
from support.verifiers import PROGRAMS


def recompute(state: Path) -> "subprocess.CompletedProcess[str]":
    """Run the script in a Python without any package."""
    line = [sys.executable, "-I", "-S", str(PROGRAMS / "recompute_root.py"), str(state)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_a_stranger_computes_the_same_root(tmp_path: Path) -> None:
    """Of two writers, a rotation and several tiles; and another one once a receipt was changed."""
    with recording(tmp_path) as one, recording(tmp_path) as two:
        for number in range(100):
            for recorder, name in ((one, "one"), (two, "two")):
                recorder.record_now(request(f"{name}-{number}"))
                recorder.record_now(outcome(f"{name}-{number}"))
    rotate_receipt_key(Layout(tmp_path), Boundary("x", "0.1.0", "00" * 32))
    record_calls(tmp_path, 10)
    done = recompute(tmp_path)
    checkpoint = parse_checkpoint((tmp_path / "log/checkpoint").read_bytes())
    assert done.stdout.strip() == checkpoint.root.hex(), done.stderr
    segment = list_segments(list_writers(tmp_path / "journal")[0])[0]
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines[:5], lines[6], lines[5], *lines[7:]]))
    assert "the next receipt of no journal" in recompute(tmp_path).stderr
