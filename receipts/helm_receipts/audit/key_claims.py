"""Claims about keys in the files beside the log, held against keys that verified something."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NoReturn

from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.errors import Broken, ReceiptError, naming
from helm_receipts.layout import Layout
from helm_receipts.log.handovers import hands_over
from helm_receipts.log.published_keys import KeyRange, PublishedKeys, read_published

from .keyring import KeyRing
from .published_files import REMEDY, compare
from .verify import Verified


def read_claims(layout: Layout) -> PublishedKeys | None:
    """Read the ranges that keys.json claims; None for a copy of a folder that has no such file."""
    if not (layout.log / "keys.json").exists():
        return None
    with naming("published-keys", "log/keys.json", ReceiptError):
        return read_published(layout)


def check_key(
    index: int, verified: Verified, ring: KeyRing, published: PublishedKeys | None
) -> None:
    """Require a receipt's key to be one that isn't retired and is published for its index."""
    place = f"index {index} of the log"
    ring.refuse_retired(place, verified.key, verified.predicate)
    if published is None:
        return
    if verified.key not in [known.key for known in published.receipt]:
        _refuse_keys(f"doesn't list {verified.key.keyid[:16]}…, which signed {place}")
    for known in published.receipt:
        last = index if known.last is None else known.last
        if known.key == verified.key and known.first <= index <= last:
            return
    raise Broken("key-range", place, f"{verified.key.keyid[:16]} isn't published as valid here")


def check_published(
    layout: Layout,
    published: PublishedKeys | None,
    ring: KeyRing,
    log_keys: Sequence[LogKey],
    *,
    was_pruned: bool,
) -> None:
    """Require the published files to name the keys that sign now; `Broken` says which doesn't.

    Where receipts were pruned, an earlier key may be listed that nothing here speaks of any more.
    """
    if published is None:  # a copy without it: then the others stand alone
        published = _derived(ring, log_keys)
    if published.origin != log_keys[-1].name:
        _refuse_keys(f"is of {published.origin[:80]!r}, but the log is {log_keys[-1].name}")
    for old, new in pairwise(published.log):
        if not hands_over(layout.log, old.key, new):
            _refuse_keys(f"lists the log key {old.key.vkey}, which handed over to no next one")
    if published.log[-1].key != log_keys[-1]:
        _refuse_keys(f"doesn't end with the log key {log_keys[-1].vkey}, which signs")
    for known in published.receipt:
        if known.key.keyid not in ring.trusted and not (was_pruned and known.last is not None):
            _refuse_keys(f"lists {known.key.keyid[:16]}…, which no rotation brought in")
    last = published.receipt[-1].key
    if ring.in_use and last not in ring.in_use:
        _refuse_keys(f"ends with {last.keyid[:16]}…, which no receipt is signed with now")
    for difference in compare(layout, published):
        raise Broken("published-file", f"log/{difference.file}", f"it {difference.found}; {REMEDY}")


def _derived(ring: KeyRing, log_keys: Sequence[LogKey]) -> PublishedKeys:
    receipt = tuple(KeyRange(key) for key in ring.in_use or ring.trusted.values())
    return PublishedKeys(log_keys[-1].name, receipt, tuple(KeyRange(key) for key in log_keys))


def _refuse_keys(found: str) -> NoReturn:
    raise Broken("published-keys", "log/keys.json", f"it {found}; {REMEDY}")
