"""The published files of a folder that is somebody's own, held against the keys it signs with."""

from collections.abc import Iterator
from contextlib import suppress

from helm_receipts.envelope import dsse
from helm_receipts.envelope.checkpoint import verify_checkpoint
from helm_receipts.envelope.key_files import load
from helm_receipts.errors import EnvelopeError, KeyRefused, ProofRefused
from helm_receipts.journal.records import last_line
from helm_receipts.journal.segments import list_segments, list_writers, written_size
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import PublishedKeys, read_published

from .published_files import Difference, compare


def differences(layout: Layout) -> Iterator[Difference]:
    """List the published files that differ from what journals and checkpoint are signed with.

    Looks at the last receipt of each journal and at the checkpoint, not at all of them.
    """
    try:
        known = read_published(layout)
    except KeyRefused as error:
        yield Difference("keys.json", f"can't be read ({error})")
        return
    yield from _not_in_use(layout, known)
    yield from compare(layout, known)


def _not_in_use(layout: Layout, known: PublishedKeys) -> Iterator[Difference]:
    """Tell where `keys.json` doesn't end with the keys that signed last, or that will sign next."""
    try:
        if (checkpoint := layout.log / "checkpoint").is_file():
            verify_checkpoint(checkpoint.read_bytes(), known.log[-1].key)
    except ProofRefused as error:
        yield Difference("keys.json", f"doesn't end with the log's key in use ({error})")
        return
    for keyid in _signing(layout):
        if keyid != known.receipt[-1].key.keyid:
            yield Difference("keys.json", f"doesn't end with the receipt key in use, {keyid[:16]}…")
            return


def _signing(layout: Layout) -> Iterator[str]:
    """List the key ids of each journal's last receipt, and of the private key that is here."""
    for writer in list_writers(layout.journal):
        segments = list_segments(writer)
        raw = last_line(writer, (segments[-1], written_size(segments[-1]))) if segments else b""
        with suppress(EnvelopeError):  # no line, or one that is being written
            yield dsse.parse_line(raw).keyid
    with suppress(KeyRefused):
        yield load(layout.keys / "receipt.pem", "receipt").keyid
