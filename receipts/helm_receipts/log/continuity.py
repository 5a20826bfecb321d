"""Lines that the log may commit to: nothing is signed for a journal that was changed.

The log key's signature covers every entry, so what goes in must be what a receipt key signed.
Each line must follow from the one before it, by that one's hash, and the last of each journal
must be signed: a signature covers the hash, so it covers all that came before. That is one
signature to check for many lines, which the log can afford while calls are waiting.
"""

import hashlib
from collections.abc import Callable, Mapping

from helm_receipts.envelope.dsse import Envelope, parse_line
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.errors import EnvelopeError, KeyRefused, LogError
from helm_receipts.journal.reader import Line


class Continuity:
    """Follows journals line by line; `digests` are those of the lines that came before."""

    def __init__(self, keys: Callable[[str], PublicKey], digests: Mapping[str, str]) -> None:
        self._keys = keys
        self._digests = dict(digests)
        self._last: dict[str, tuple[Line, Envelope, PublicKey]] = {}

    def accept(self, writer: str, line: Line) -> tuple[Envelope, PublicKey]:
        """Follow a writer to its next line; returns its envelope and the key that it names.

        Raises:
            LogError: the line isn't one that may come next.
        """
        try:
            envelope = parse_line(line.raw)
            key = self._keys(envelope.keyid)
        except (EnvelopeError, KeyRefused) as error:
            raise _refusal(line, str(error)) from error
        before = self._digests.get(writer)
        # Quotes within a string are escaped, so this can't be found in one.
        if before is not None and f'"previous":{{"sha256":"{before}"}}'.encode() not in (
            envelope.payload
        ):
            raise _refusal(line, "it doesn't name the line before it")
        self._digests[writer] = hashlib.sha256(line.raw).hexdigest()
        self._last[writer] = line, envelope, key
        return envelope, key

    def finish(self) -> None:
        """Require the last line of each writer to be signed by the key it names.

        Raises:
            LogError: one isn't.
        """
        for line, envelope, key in self._last.values():
            try:
                envelope.check(key)
            except EnvelopeError as error:
                raise _refusal(line, str(error)) from error


def _refusal(line: Line, found: str) -> LogError:
    return LogError(
        f"expected journals as they were written, found {line}: {found}; nothing was signed. Keep "
        "this folder for the auditor (`helm-boundary receipts fsck` says more)"
    )
