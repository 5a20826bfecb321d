"""The tree: our proofs verify, others don't, at any size."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helm_receipts.errors import ProofRefused
from helm_receipts.log import merkle, merkle_proofs
from helm_receipts.log.frontier import Frontier
from helm_receipts.log.frontier_reading import read_frontier
from helm_receipts.log.tiles import (
    WIDTH,
    TileReader,
    decode_entries,
    encode_entries,
    tile_path,
    tile_width,
)

LEAVES = [merkle.leaf_hash(b"%d" % number) for number in range(300)]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 defines it, by recursion over the leaves."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return merkle.node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


def nodes(level: int, index: int) -> bytes:
    """Complete subtrees over LEAVES."""
    return naive_root(LEAVES[index << level : (index + 1) << level])


@given(st.integers(1, 300), st.data())
def test_an_inclusion_proof_verifies_at_its_own_index_only(size: int, data: st.DataObject) -> None:
    """Every leaf has a proof; the same proof shows nothing at another index or size."""
    index = data.draw(st.integers(0, size - 1))
    root = naive_root(LEAVES[:size])
    assert merkle.root_hash(size, nodes) == root
    proof = merkle_proofs.inclusion_proof(index, size, nodes)
    merkle.verify_inclusion(LEAVES[index], index, size, proof, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda i: i != index)) if size > 1 else 1
    with pytest.raises(ProofRefused):
        merkle.verify_inclusion(LEAVES[index], other, size, proof, root)
    with pytest.raises(ProofRefused):
        merkle.verify_inclusion(LEAVES[index], index, size, [*proof, root], root)


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_consistency_proof_verifies_between_its_own_trees_only(one: int, two: int) -> None:
    """A later tree continues an earlier one, and not a tree with another beginning."""
    old, new = sorted((one, two))
    old_root, new_root = naive_root(LEAVES[:old]), naive_root(LEAVES[:new])
    proof = merkle_proofs.consistency_proof(old, new, nodes)
    if not old:
        with pytest.raises(ProofRefused):
            merkle_proofs.verify_consistency(old, new, old_root, new_root, proof)
        return
    merkle_proofs.verify_consistency(old, new, old_root, new_root, proof)
    forged = hashlib.sha256(old_root).digest()
    with pytest.raises(ProofRefused):
        merkle_proofs.verify_consistency(old, new, forged, new_root, proof)
    with pytest.raises(ProofRefused):
        merkle_proofs.verify_consistency(old, new, old_root, new_root, [*proof, forged])
    if new > old:
        with pytest.raises(ProofRefused):
            merkle_proofs.verify_consistency(new, old, new_root, old_root, proof)


@pytest.mark.parametrize(
    ("level", "number", "width", "path"),
    [
        (0, 273, 112, "tile/0/273.p/112"),
        (1, 1, 17, "tile/1/001.p/17"),
        (2, 0, 1, "tile/2/000.p/1"),
        (0, 0, 256, "tile/0/000"),
        ("entries", 1234067, 256, "tile/entries/x001/x234/067"),
        (3, 1000, 5, "tile/3/x001/000.p/5"),
    ],
)
def test_tile_paths_are_those_of_the_specification(
    level: int | str, number: int, width: int, path: str
) -> None:
    """The examples of the specification."""
    assert tile_path(level, number, width) == path


def test_tile_widths_are_those_of_the_specification() -> None:
    """Size 70,000 and size 256, as the specification has them."""
    assert [tile_width(*place, 70_000) for place in ((0, 272), (0, 273), (1, 1), (2, 0))] == [
        256, 112, 17, 1,
    ]  # fmt: skip
    assert [tile_width(*place, 256) for place in ((0, 0), (0, 1), (1, 0))] == [256, 0, 1]


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_entry_bundles_are_read_as_they_were_written(entries: list[bytes]) -> None:
    """What was bundled is read; a cut-off bundle is refused."""
    bundle = encode_entries(entries)
    assert decode_entries(bundle, len(entries)) == entries
    with pytest.raises(ProofRefused):
        decode_entries(bundle + b"\x00", len(entries))
    with pytest.raises(ProofRefused):
        decode_entries(bundle, len(entries) + 1)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=8))
def test_any_batches_give_the_same_tiles(
    tmp_path_factory: pytest.TempPathFactory, batches: list[int]
) -> None:
    """However entries come, tiles and root are those of the whole; an edge read back goes on."""
    folder = tmp_path_factory.mktemp("log")
    edge, whole = Frontier(), Frontier()
    for batch in batches:
        for number in range(edge.size, edge.size + batch):
            edge.add(b"%d" % number)
            whole.add(b"%d" % number)
        for name, content in edge.take_tiles().items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        edge = read_frontier(TileReader(folder, edge.size))
    assert edge.root() == whole.root()
    for name, content in whole.take_tiles().items():
        assert (folder / name).read_bytes() == content
    reader = TileReader(folder, edge.size)
    assert merkle.root_hash(edge.size, reader.nodes) == edge.root()
    assert list(reader.all_entries()) == [b"%d" % number for number in range(edge.size)]


def test_a_frontier_grows_over_three_rows_of_tiles(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """65,537 leaves fill a row of rows; the root is the naive one."""
    edge = Frontier()
    for number in range(WIDTH * WIDTH + 1):
        edge.add(b"%d" % number)
    leaves = [merkle.leaf_hash(b"%d" % number) for number in range(WIDTH * WIDTH + 1)]
    assert edge.root() == naive_root(leaves)
    tiles = edge.take_tiles()
    assert {name for name in tiles if name.startswith(("tile/1", "tile/2"))} == {
        "tile/1/000", "tile/2/000.p/1",
    }  # fmt: skip
    assert len(tiles["tile/0/256.p/1"]) == 32
