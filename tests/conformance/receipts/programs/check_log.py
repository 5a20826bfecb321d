"""Verify a tile directory and a proof with `aics-tlog` and `proofbundle`, and nothing of ours.

check_log.py LOG VKEY PROOF ENTRY
"""

import sys
from pathlib import Path

import aics_tlog
import proofbundle.tlogproof


def main(log: Path, vkey: str, proof: Path, entry: Path) -> None:
    """Check the log's tiles and checkpoint; AssertionError when one of them is refused."""
    key = aics_tlog.parse_vkey(vkey)
    note = aics_tlog.parse_note((log / "checkpoint").read_text())
    checkpoint = aics_tlog.parse_checkpoint(note.text)
    verdict = aics_tlog.verify_checkpoint(note, key, expected_origin=key.name)
    assert verdict.ok, verdict
    reader = aics_tlog.FileSystemTileReader(log)
    aics_tlog.audit_tiles(reader, checkpoint.size, checkpoint.root)
    result = proofbundle.tlogproof.verify_tlog_proof(
        proof.read_text(), entry.read_bytes(), vkey, expected_origin=key.name
    )
    assert result["ok"], result


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
