"""A client of a witness: shows it the log's checkpoint and gets a cosignature for it.

Source: https://c2sp.org/tlog-witness, `add-checkpoint`. A witness keeps the last checkpoint that it
has cosigned of each log, and cosigns nothing that doesn't continue it. What it answers is believed
only as far as its cosignature verifies.
"""

import base64
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from helm_receipts.envelope.checkpoint import parse_checkpoint
from helm_receipts.envelope.cosignature import WitnessKey, cosignatures
from helm_receipts.errors import KeyRefused, ProofRefused, ReceiptError
from helm_receipts.log import merkle_proofs
from helm_receipts.log.tiles import TileReader

_SECONDS = 4.0
_MOST_BYTES = 16_384

type Tiles = Callable[[int], TileReader]
"""Gives a reader of the log's tiles at a size."""


class WitnessRefused(ReceiptError):
    """A witness gave no cosignature, or none that verifies; the message says why."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Where a witness is asked, and the key it cosigns with."""

    url: str
    key: WitnessKey


def parse_witness(text: str) -> Witness:
    """Parse `URL,vkey`; `KeyRefused` for anything else."""
    url, _, vkey = text.partition(",")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise KeyRefused(f"expected a witness as URL,vkey, found {text[:80]!r}")
    return Witness(url.rstrip("/"), WitnessKey.parse(vkey))


def cosign(witness: Witness, tiles: Tiles, note: bytes, old: int = 0) -> bytes:
    """Get a witness's signature line for a checkpoint; `old` is the size it was shown last.

    `WitnessRefused` when it is away, refuses or answers with no cosignature of its own.
    """
    size = parse_checkpoint(note).size
    for _ in range(2):
        status, answer = _ask(witness, _request(tiles, note, min(old, size), size))
        if status == 200:
            return _line(witness, note, answer)
        if status != 409:
            break
        old = _size(witness, answer)
        if old > size:
            raise WitnessRefused(
                f"{witness.key.name} has seen this log with {old} entries, and it has {size}: it "
                "was set back, or another log has its key"
            )
    why = {
        404: "it doesn't know this log: give it the log's vkey",
        403: "it doesn't accept the log's signature: give it the log's vkey of now",
        422: "what it has seen of this log isn't what is here: one of the two was forked",
    }.get(status, f"it answers with status {status}")
    raise WitnessRefused(f"{witness.key.name}: {why}")


def _request(tiles: Tiles, note: bytes, old: int, size: int) -> bytes:
    try:
        nodes = tiles(size).nodes
        proof = merkle_proofs.consistency_proof(old, size, nodes) if old else []
    except ProofRefused as error:
        raise WitnessRefused(f"no proof from size {old} can be made: {error}") from error
    lines = [f"old {old}", *(base64.b64encode(step).decode() for step in proof), "", ""]
    return "\n".join(lines).encode() + note


def _ask(witness: Witness, body: bytes) -> tuple[int, bytes]:
    request = urllib.request.Request(f"{witness.url}/add-checkpoint", body, method="POST")  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_SECONDS) as response:
            return response.status, response.read(_MOST_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise WitnessRefused(f"{witness.key.name} can't be reached: {error}") from error


def _line(witness: Witness, note: bytes, answer: bytes) -> bytes:
    """Pick the line that is this witness's cosignature of the note; others are ignored."""
    for line in answer.splitlines(keepends=True):
        try:
            if line.endswith(b"\n") and list(cosignatures(note + line, [witness.key])):
                return line
        except ProofRefused:
            continue
    raise WitnessRefused(f"{witness.key.name} answered with no cosignature that verifies")


def _size(witness: Witness, answer: bytes) -> int:
    text = answer.decode("ascii", "replace").strip()
    if not text.isdecimal() or len(text) > 16:
        raise WitnessRefused(f"{witness.key.name} has seen another size, and doesn't say which")
    return int(text)
