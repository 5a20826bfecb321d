"""The public halves of the keys, beside the log, for whoever gets a copy of it."""

from helm_receipts import durable
from helm_receipts.keys import PublicKey
from helm_receipts.layout import Layout


def publish_receipt_key(layout: Layout, key: PublicKey) -> None:
    """Write `log/receipt.pub.pem`, unless it says so already."""
    durable.make_folder(layout.log, 0o755)
    path = layout.log / "receipt.pub.pem"
    if not path.exists() or path.read_bytes() != key.pem():
        durable.replace_file(path, key.pem())
