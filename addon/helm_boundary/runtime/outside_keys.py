"""Keys of a command or a token: chosen once, before a state folder has keys."""

from __future__ import annotations

from helm_receipts.layout import Layout
from helm_receipts.storage.durable import make_folder


def use_signer(layout: Layout, option: str) -> None:
    """Have a command sign for a state folder; nothing of it is imported where none does.

    Raises:
        KeyRefused: something else signs there, or it is neither `exec:COMMAND` nor `pkcs11:URI`.
    """
    from helm_receipts.recording.outside_signer import choose_signer

    for folder in (layout.state, layout.keys):
        make_folder(folder)
    choose_signer(layout.keys, option)


def noted_signer(option: str) -> str:
    """Return what a state folder notes of a signer; `KeyRefused` for a wrong option."""
    from helm_receipts.recording.outside_signer import parse_signer

    return parse_signer(option)
