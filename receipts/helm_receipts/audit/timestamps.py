"""Verification of the timestamps (RFC 3161) on a log's checkpoints, offline.

It needs `rfc3161-client`, which is in the extra `timestamps`, and the roots of the authorities that
the auditor believes. What a timestamp proves: everything up to that size was there by then.
"""

from collections.abc import Iterator, Sequence

from cryptography.x509 import Certificate
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

from helm_receipts.envelope.checkpoint import parse_checkpoint
from helm_receipts.errors import Broken, ProofRefused
from helm_receipts.layout import Layout


def verify_timestamps(layout: Layout, roots: Sequence[Certificate]) -> Iterator[tuple[bytes, str]]:
    """List the stamped checkpoints, each with what was proved in words; `Broken` for a wrong one.

    Whether the log continues them is for `fsck` to say, as of every checkpoint that somebody kept.
    """
    stamped = sorted((layout.log / "timestamps").glob("*.tsr"), key=lambda path: path.name)
    if not stamped:
        raise Broken("timestamp", "log/timestamps", "no checkpoint was ever stamped")
    for path in stamped:
        place = f"log/timestamps/{path.name}"
        try:
            note = path.with_suffix(".checkpoint").read_bytes()
            response = decode_timestamp_response(path.read_bytes())
            builder = VerifierBuilder()
            for root in roots:
                builder = builder.add_root_certificate(root)
            builder.build().verify_message(response, note)
            size = parse_checkpoint(note).size
        except (OSError, ValueError, VerificationError, ProofRefused) as error:
            raise Broken("timestamp", place, str(error)) from error
        yield note, f"{size} entries by {response.tst_info.gen_time:%Y-%m-%dT%H:%M:%SZ}"
