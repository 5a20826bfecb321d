"""Handovers from one log key to the next: `handover-<size>` is a checkpoint signed by both."""

from pathlib import Path

from helm_receipts.envelope.checkpoint import verify_checkpoint
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.errors import ProofRefused

from .published_keys import KeyRange, PublishedKeys


def follow_handovers(log: Path, trusted: LogKey, published: PublishedKeys) -> list[LogKey]:
    """List the trusted log key and those it handed over to, in order; the last one is in use."""
    keys = [trusted]
    for known in published.log:
        if known.key != keys[-1] and hands_over(log, keys[-1], known):
            keys.append(known.key)
    return keys


def hands_over(log: Path, old: LogKey, new: KeyRange[LogKey]) -> bool:
    """Tell whether both keys signed the checkpoint with which the old one went."""
    try:
        note = (log / f"handover-{new.first}").read_bytes()
        return verify_checkpoint(note, old) == verify_checkpoint(note, new.key)
    except (OSError, ProofRefused):
        return False
