"""Calls that passed without a receipt: in observe mode, where none could be written.

Where verdicts are only observed, nothing may be stopped. The calls that the journal misses for it
are counted, and the next receipt says how many they are.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from helm_receipts.envelope.statement import Draft

logger = logging.getLogger(__name__)

EVENT = "unrecordedCalls"
"""The member of a receipt's event that counts the calls before it without a receipt."""


class Unrecorded:
    """The count of calls that no receipt has told of yet."""

    def __init__(self) -> None:
        self.calls = 0
        self.total = 0
        """The same since the start, whether told or not."""

    def count(self, error: Exception) -> None:
        """Count one more call, and log why it has no receipt."""
        self.calls += 1
        self.total += 1
        logger.error(
            "helm-boundary: a call passes without a receipt (%s), for verdicts are only observed; "
            "the next receipt tells of %d",
            type(error).__name__,
            self.calls,
        )

    def told_in(self, drafts: list[Draft]) -> tuple[list[Draft], int]:
        """State in the first draft how many calls have no receipt; return also that number.

        It counts as told, so whoever can't write them adds it again.
        """
        if not self.calls or not drafts:
            return drafts, 0
        told, self.calls = self.calls, 0
        first, *rest = drafts
        return [replace(first, event={**(first.event or {}), EVENT: told}), *rest], told
