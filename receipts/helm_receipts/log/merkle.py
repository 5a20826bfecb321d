"""The Merkle tree of RFC 6962 (section 2.1), and the proof that an entry is in it.

    empty tree   SHA-256("")
    leaf(d)      SHA-256(0x00 || d)
    node(l, r)   SHA-256(0x01 || l || r)

Roots are made from `Nodes`: a function that gives the hash of any complete subtree by its level
(0 is a leaf) and its index at that level. Where the hashes are kept is not this module's business.
`merkle_proofs` makes proofs, and verifies those of consistency.
"""

import hashlib
from collections.abc import Callable, Sequence

from helm_receipts.errors import ProofRefused

Nodes = Callable[[int, int], bytes]

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Compute the root over a power of two of sibling hashes."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def root_hash(size: int, nodes: Nodes) -> bytes:
    """Compute the root of the tree over the first `size` leaves."""
    return subtree_hash(0, size, nodes) if size else EMPTY_ROOT


def subtree_hash(start: int, end: int, nodes: Nodes) -> bytes:
    """Compute MTH(D[start:end]); `start` is a multiple of the power of two to split at."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return nodes(level, start >> level)
    split = start + split_of(size)
    return node_hash(subtree_hash(start, split, nodes), subtree_hash(split, end, nodes))


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Refuse unless `leaf` is at `index` in the tree of this size and root (RFC 9162, 2.1.3.2)."""
    # 1. The leaf must be a hash and inside the tree.
    if len(leaf) != len(EMPTY_ROOT):
        raise ProofRefused(f"expected a leaf's hash of 32 bytes, found {len(leaf)}")
    if not 0 <= index < size:
        raise ProofRefused(f"expected an index below the size {size}, found {index}")
    # 2. Climb, keeping the leaf's position and the last leaf's at each level.
    position, last, found = index, size - 1, leaf
    for step in proof:
        # 3. At the top there is nothing left to climb.
        if last == 0:
            raise ProofRefused("expected a shorter inclusion proof")
        # 4. A right child, or the last node of a level without a sibling further up.
        if position & 1 or position == last:
            found = node_hash(step, found)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            found = node_hash(found, step)
        position, last = position >> 1, last >> 1
    # 5. The climb must end at the top and at the root.
    if last != 0:
        raise ProofRefused("expected a longer inclusion proof")
    if found != root:
        raise ProofRefused("the inclusion proof leads to another root: this entry isn't there")


def split_of(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
