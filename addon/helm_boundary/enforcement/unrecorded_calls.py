"""Calls that passed without a receipt: in observe mode, where none could be written.

Whoever only observes has asked that nothing be stopped. What the journal misses for it is counted,
and the next receipt says how much that is.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from helm_receipts.envelope.statement import Draft

logger = logging.getLogger(__name__)

EVENT = "unrecordedCalls"
"""What a receipt calls the number of calls before it that have none."""


class Unrecorded:
    """The number of calls that no receipt has told of yet."""

    def __init__(self) -> None:
        self.calls = 0

    def count(self, error: Exception) -> None:
        """One more, and why."""
        self.calls += 1
        logger.error(
            "helm-boundary: a call passes without a receipt (%s), for verdicts are only observed; "
            "the next receipt tells of %d",
            type(error).__name__,
            self.calls,
        )

    def told_in(self, drafts: list[Draft]) -> tuple[list[Draft], int]:
        """The drafts, the first of which says how many calls have no receipt, and that number.

        It counts as told, so whoever can't write them adds it again.
        """
        if not self.calls or not drafts:
            return drafts, 0
        told, self.calls = self.calls, 0
        first, *rest = drafts
        return [replace(first, event={**(first.event or {}), EVENT: told}), *rest], told
