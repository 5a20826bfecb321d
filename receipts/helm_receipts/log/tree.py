"""The log's tree: how far its tiles go and what they hold. `log` writes `tree.json`."""

import json
from dataclasses import dataclass
from pathlib import Path

from helm_receipts.errors import LogError
from helm_receipts.layout import Layout

from .merkle import EMPTY_ROOT
from .pending import Cursor


@dataclass(frozen=True, slots=True)
class Tree:
    """How far the tiles go: so many entries with this root, so much of each journal."""

    size: int
    root: bytes
    cursors: dict[str, Cursor]


def tree_file(layout: Layout) -> Path:
    """Return where it says how far the tiles go and what they hold."""
    return layout.log_state / "tree.json"


def read_tree(layout: Layout) -> Tree:
    """Read how far the tiles go; an empty tree before there are any.

    Raises:
        LogError: the file isn't what `log` writes.
    """
    path = tree_file(layout)
    if not path.exists():
        return Tree(0, EMPTY_ROOT, {})
    try:
        tree = json.loads(path.read_bytes())
        cursors = {name: Cursor(**cursor) for name, cursor in tree["writers"].items()}
        return Tree(int(tree["size"]), bytes.fromhex(tree["root"]), cursors)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LogError(
            f"expected the log's state in {path}, found {error}; "
            "`helm-boundary receipts integrate --rebuild` makes it anew"
        ) from error
