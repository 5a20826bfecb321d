"""Recomputes a log's root from the journals, with hashlib alone: `recompute_root.py STATE`.

Written from the documentation, as somebody would who believes none of our code. It checks no
signature; it shows that the checkpoint's root is of these receipts, each writer's in its order.
"""

import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

SPKI = bytes.fromhex("302a300506032b6570032100")  # RFC 8410, for 32 bytes of an Ed25519 key


def main(state: Path) -> str:
    """Return the root of the log's entries in hex, after comparing it with the checkpoint."""
    keys = json.loads((state / "log/keys.json").read_text())["receipt"]
    public = {key["keyid"]: bytes.fromhex(key["public"]) for key in keys}
    journals = [list(entries(writer, public)) for writer in sorted((state / "journal").iterdir())]
    _, size, root = (state / "log/checkpoint").read_text().splitlines()[:3]
    leaves: list[bytes] = []
    for entry in logged(state / "log/tile/entries", int(size)):
        writer = next((journal for journal in journals if journal[:1] == [entry]), None)
        if writer is None:
            sys.exit(f"entry {len(leaves)} of the log is the next receipt of no journal")
        leaves.append(hashlib.sha256(b"\0" + writer.pop(0)).digest())
    if tree(leaves) != base64.b64decode(root):
        sys.exit("the checkpoint is of another root")
    return tree(leaves).hex()


def entries(writer: Path, public: dict[str, bytes]) -> Iterator[bytes]:
    """Write the log's entry of each receipt in a journal: hashes and a signature."""
    for segment in sorted(writer.glob("*.jsonl")):
        for line in segment.read_bytes().rstrip(b"\0").splitlines():
            envelope = json.loads(line)
            body, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"]
            pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)
            [signature] = envelope["signatures"]
            digest = base64.b64encode(hashlib.sha256(pae).digest()).decode()
            key = base64.b64encode(SPKI + public[signature["keyid"]]).decode()
            verifier = {"keyDetails": "PKIX_ED25519", "publicKey": {"rawBytes": key}}
            spec = {
                "data": {"algorithm": "SHA2_256", "digest": digest},
                "signature": {"content": signature["sig"], "verifier": verifier},
            }
            entry = {
                "apiVersion": "0.0.2",
                "kind": "hashedrekord",
                "spec": {"hashedRekordV002": spec},
            }
            yield json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()


def logged(folder: Path, size: int) -> Iterator[bytes]:
    """Read the log's entries: bundles of 256, each entry after its length."""
    for number in range(-(-size // 256)):
        groups = [f"{number % 1000:03d}"]
        rest = number // 1000
        while rest:
            groups, rest = [f"x{rest % 1000:03d}", *groups], rest // 1000
        width = min(256, size - number * 256)
        path = folder / "/".join(groups)
        bundle = (path if width == 256 else Path(f"{path}.p/{width}")).read_bytes()
        at = 0
        for _ in range(width):
            length = int.from_bytes(bundle[at : at + 2], "big")
            yield bundle[at + 2 : at + 2 + length]
            at += 2 + length


def tree(leaves: list[bytes]) -> bytes:
    """Hash a Merkle tree (RFC 6962)."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + tree(leaves[:split]) + tree(leaves[split:])).digest()


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
