"""Handovers from one log key to the next: `handover-<size>` is a checkpoint signed by both."""

from pathlib import Path

from helm_receipts.envelope.checkpoint import verify_checkpoint
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.errors import ProofRefused

from .published_keys import PublishedKeys


def follow_handovers(log: Path, trusted: LogKey, published: PublishedKeys) -> list[LogKey]:
    """List the trusted log key and those it handed over to, in order; the last one is in use."""
    keys = [trusted]
    for known in published.log:
        handover = log / f"handover-{known.first}"
        if known.key == keys[-1] or not handover.exists():
            continue
        note = handover.read_bytes()
        try:
            verify_checkpoint(note, keys[-1])
            verify_checkpoint(note, known.key)
        except ProofRefused:
            continue
        keys.append(known.key)
    return keys
