"""One append and one integration, on one thread, between marks that a tracer can see.

one_append.py STATE

Forwards the call, that is says so on standard output, only once its receipt is durable.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
sys.path[:0] = [str(ROOT / "receipts"), str(ROOT / "tests")]

from helm_receipts.envelope.predicate import Boundary  # noqa: E402
from helm_receipts.errors import ReceiptError  # noqa: E402
from helm_receipts.journal.journal import SEGMENT_BYTES  # noqa: E402
from helm_receipts.layout import Layout  # noqa: E402
from helm_receipts.log.log import Log  # noqa: E402
from helm_receipts.recording.keyset import open_keyset  # noqa: E402
from helm_receipts.recording.lifecycle import start_session  # noqa: E402
from support.receipts import CONFIGURATION, request  # noqa: E402


def main(layout: Layout) -> None:
    """Exit code 0, whatever is refused on the way."""
    keys = open_keyset(layout)
    boundary = Boundary(keys.origin, "0.1.0", CONFIGURATION)
    writer = start_session(layout, keys, boundary, SEGMENT_BYTES)
    log = Log(layout, keys.origin, keys.log)
    _mark("append")
    try:
        writer.commit([request("traced")])
        os.write(1, b"forwarded\n")
    except ReceiptError as error:
        os.write(1, f"refused: {error}\n".encode())
    _mark("integrate")
    try:
        log.integrate(keys.published.receipt_key)
    except (ReceiptError, OSError) as error:
        os.write(1, f"not integrated: {error}\n".encode())
    _mark("end")
    os._exit(0)


def _mark(name: str) -> None:
    os.access(f"/mark/{name}", os.F_OK)


if __name__ == "__main__":
    main(Layout(Path(sys.argv[1])))
