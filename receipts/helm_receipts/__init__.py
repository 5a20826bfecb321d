"""Signed receipts: written durably, chained, logged, and verifiable by strangers.

`Recorder` writes them; `verify_receipt`, `verify_journal` and `fsck` check them, and what no check
can prove is in `NOT_PROVEN`. This package needs nothing but the standard library and
`cryptography`, and knows nothing of proxies.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .audit.fsck import fsck as fsck
    from .audit.single_receipt import verify_receipt as verify_receipt
    from .audit.verify import NOT_PROVEN as NOT_PROVEN
    from .audit.verify import verify_journal as verify_journal
    from .envelope.statement import Draft as Draft
    from .errors import ReceiptError as ReceiptError
    from .recording.recorder import Recorder as Recorder

_HOMES = {
    "Draft": "envelope.statement",
    "NOT_PROVEN": "audit.verify",
    "ReceiptError": "errors",
    "Recorder": "recording.recorder",
    "fsck": "audit.fsck",
    "verify_journal": "audit.verify",
    "verify_receipt": "audit.single_receipt",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import what is asked for, and only that: a verifier loads nothing that writes receipts."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
