"""How a governed flow looks in mitmproxy's lists: a mark and one line."""

from __future__ import annotations

WAITING = ":raised_hand:"
ALLOWED = ":white_check_mark:"
DENIED = ":no_entry:"
ESCALATED = ":hourglass:"
OBSERVED = ":eyes:"
