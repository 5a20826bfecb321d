"""Merkle proofs: made of inclusion and consistency, and verified of consistency (RFC 6962, 9162).

Whoever has all entries of a log needs none of it: `audit.fsck` computes every root itself.
"""

from collections.abc import Sequence

from helm_receipts.errors import ProofRefused

from .merkle import EMPTY_ROOT, Nodes, node_hash, split_of, subtree_hash, verify_inclusion


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """Make PATH(index, D[size]): the hashes from a leaf to the root (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ProofRefused(f"expected an index below the size {size}, found {index}")
    start, end, path = 0, size, []
    while end - start > 1:
        split = start + split_of(end - start)
        if index < split:
            path.append(subtree_hash(split, end, nodes))
            end = split
        else:
            path.append(subtree_hash(start, split, nodes))
            start = split
    return path[::-1]


def outside_of(first: int, end: int, size: int, nodes: Nodes) -> list[bytes]:
    """List the hashes of what lies outside of the leaves from `first` to `end`, left to right.

    With the hashes of those leaves they give the tree's root: a proof of many leaves at once.
    """
    if not 0 <= first < end <= size:
        raise ProofRefused(f"expected leaves within the size {size}, found {first} to {end}")

    def collect(low: int, high: int) -> list[bytes]:
        if high <= first or low >= end:
            return [subtree_hash(low, high, nodes)]
        if first <= low and high <= end:
            return []
        split = low + split_of(high - low)
        return [*collect(low, split), *collect(split, high)]

    return collect(0, size)


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """Make PROOF(old, D[new]): the old tree is a beginning of the new one (RFC 6962, 2.1.2)."""
    if not 0 <= old <= new:
        raise ProofRefused(f"expected an old size of at most {new}, found {old}")
    if old in (0, new):
        return []
    start, end, path = 0, new, []
    while old != end:
        split = start + split_of(end - start)
        if old <= split:
            path.append(subtree_hash(split, end, nodes))
            end = split
        else:
            path.append(subtree_hash(start, split, nodes))
            start = split
    if start:
        path.append(subtree_hash(start, end, nodes))
    return path[::-1]


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Refuse unless the old tree is a beginning of the new one (RFC 9162, section 2.1.4.2)."""
    # Every tree continues the empty one, so a proof of that would say nothing.
    if not 0 < old <= new:
        raise ProofRefused(f"expected an old size from 1 to {new}, found {old}")
    # A beginning is a subtree that starts at 0.
    verify_subtree_consistency(0, old, new, old_root, new_root, proof)


def verify_subtree_inclusion(
    leaf: bytes, index: int, start: int, end: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Refuse unless `leaf` is at `index` in the subtree over leaves `start` to `end`.

    Source: draft-ietf-plants-merkle-tree-certs, section 4.3.
    """
    _refuse_other_subtrees(start, end)
    verify_inclusion(leaf, index - start, end - start, proof, root)


def verify_subtree_consistency(
    start: int, end: int, size: int, subtree: bytes, root: bytes, proof: Sequence[bytes]
) -> None:
    """Refuse unless `subtree` is the hash over leaves `start` to `end` of the tree of `root`.

    Source: draft-ietf-plants-merkle-tree-certs, section 4.4; with `start` 0 it is RFC 9162,
    section 2.1.4.2.
    """
    _refuse_other_subtrees(start, end)
    if end > size:
        raise ProofRefused(f"expected a subtree within the size {size}, found one to {end}")
    if start == end:
        if proof or subtree != EMPTY_ROOT:
            raise ProofRefused("expected the hash of no leaves, and no proof")
        return
    # 1. Start at the largest complete subtree at the right edge of [start, end).
    first, second, last = start, end - 1, size - 1
    while first != second and (second & 1 or second == last):
        first, second, last = first >> 1, second >> 1, last >> 1
    # 2. When that is all of it, it is its own first step.
    steps = [subtree, *proof] if first == second else list(proof)
    if not steps:
        raise ProofRefused("expected a longer consistency proof")
    # 3. Climb in both trees at once.
    small = large = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise ProofRefused("expected a shorter consistency proof")
        if second & 1 or second == last:
            large = node_hash(step, large)
            if first < second:
                small = node_hash(step, small)
            while not second & 1 and second:
                first, second, last = first >> 1, second >> 1, last >> 1
        else:
            large = node_hash(large, step)
        first, second, last = first >> 1, second >> 1, last >> 1
    # 4. Both climbs must end at their roots.
    if last != 0:
        raise ProofRefused("expected a longer consistency proof")
    if small != subtree or large != root:
        raise ProofRefused("the newer tree doesn't continue the older one: the log was forked")


def _refuse_other_subtrees(start: int, end: int) -> None:
    """Refuse what is no subtree: one starts at a multiple of a power of two that it fits into."""
    if not 0 <= start <= end or start % (1 << max(0, end - start - 1).bit_length()):
        raise ProofRefused(f"expected a subtree of the tree, found leaves {start} to {end}")
