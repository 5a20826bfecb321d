"""Keys that a command of the operator's has: chosen once, before a state folder has keys."""

from __future__ import annotations

from helm_receipts.layout import Layout
from helm_receipts.storage.durable import make_folder


def use_signer(layout: Layout, option: str) -> None:
    """Have a command sign for a state folder; nothing of it is imported where none does.

    Raises:
        KeyRefused: files or another command sign there already, or it isn't `exec:COMMAND`.
    """
    from helm_receipts.recording.outside_signer import choose_signer

    for folder in (layout.state, layout.keys):
        make_folder(folder)
    choose_signer(layout.keys, option)
