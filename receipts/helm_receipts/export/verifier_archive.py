"""The verifier as one file, `helm-verify.pyz`: the modules that verify, and none that write.

Python runs it as it is (`python helm-verify.pyz fsck …`); it needs `cryptography` beside it.
"""

import io
from pathlib import Path

import helm_receipts

from .reproducible_zip import write_zip

NAME = "helm-verify.pyz"
MODULES = (
    "audit.checked_line", "audit.fsck", "audit.kept_checkpoints", "audit.key_claims",
    "audit.keyring", "audit.lockstep", "audit.pack", "audit.published_files", "audit.strays",
    "audit.trust_policy", "audit.verify", "envelope.canonical", "envelope.checkpoint",
    "envelope.cosignature", "envelope.dsse", "envelope.entry", "envelope.note_keys",
    "envelope.public_keys", "envelope.record", "envelope.standard_base64", "errors",
    "journal.accounts", "journal.beginnings", "journal.calls", "journal.chain",
    "journal.durable_mark", "journal.reader", "journal.segments", "layout", "log.frontier",
    "log.handovers",
    "log.inclusion", "log.log_claims", "log.merkle", "log.published_keys", "log.tiles",
    "printing", "__main__",
)  # fmt: skip
"""What the verifier loads, besides packages' own files. A test holds this to its imports."""

_START = b"""import sys

if sys.version_info < (3, 12):
    sys.stderr.write("helm-verify needs Python 3.12 or later, and this is " + sys.version + "\\n")
    sys.exit(2)
try:
    from helm_receipts.__main__ import main
except ModuleNotFoundError as error:
    sys.stderr.write("helm-verify needs cryptography: python -m pip install cryptography\\n")
    sys.exit(2)

sys.exit(main())
"""
"""Any Python can read this much, and says what is missing: no verdict, so exit code 2."""
_SHEBANG = b"#!/usr/bin/env python3\n"


def build_verifier() -> bytes:
    """Build the verifier; the same bytes for the same sources."""
    root = Path(helm_receipts.__path__[0])
    rooms = sorted({name.partition(".")[0] for name in MODULES if "." in name})
    files = ["__init__.py", *(f"{room}/__init__.py" for room in rooms)]
    files += [f"{name.replace('.', '/')}.py" for name in MODULES]
    contents = {f"helm_receipts/{file}": (root / file).read_bytes() for file in files}
    archive = io.BytesIO()
    archive.write(_SHEBANG)
    write_zip(archive, sorted((contents | {"__main__.py": _START}).items()))
    return archive.getvalue()
