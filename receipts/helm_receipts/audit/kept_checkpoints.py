"""Checkpoints that somebody kept, against which not even every key of a folder helps."""

from collections.abc import Sequence

from helm_receipts.envelope import checkpoint as notes
from helm_receipts.envelope.checkpoint import Checkpoint, LogKey
from helm_receipts.errors import Broken, ProofRefused, TileMissing
from helm_receipts.layout import Layout
from helm_receipts.log.consistency import prove_consistency


def continues(layout: Layout, log_keys: Sequence[LogKey], note: bytes, now: Checkpoint) -> None:
    """Require that the log still holds all that an earlier checkpoint committed to."""
    try:
        old = notes.verify_by_any(note, log_keys)
    except ProofRefused as error:
        raise Broken("checkpoint", "a checkpoint that was kept", str(error)) from error
    if old.size > now.size:
        raise _shorter(layout, old, now)
    if not old.size:
        return
    try:
        prove_consistency(layout.log, old, now)
    except ProofRefused as error:
        raise Broken("forked-log", f"the checkpoint of size {old.size}", str(error)) from error


def _shorter(layout: Layout, old: Checkpoint, now: Checkpoint) -> Broken:
    """Say what became of a log that was longer: set back, forked, or one of them."""
    found = f"of size {now.size}, but one of size {old.size} was signed before: "
    place = "log/checkpoint"
    try:
        if now.size:
            prove_consistency(layout.log, now, old)
    except TileMissing:
        either = (
            "the log was set back, or it is another history (a fork); from here both look alike"
        )
        return Broken("shorter-log", place, found + either)
    except ProofRefused as error:
        return Broken("forked-log", place, f"{found}{error}")
    return Broken("old-checkpoint", place, found + "the log goes on, its checkpoint was set back")
