"""What stands beside a command's words: where its output goes, and what it is given to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .command import Redirect
from .words import Word, read_word, source_of

if TYPE_CHECKING:
    from tree_sitter import Node

KINDS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})
_LISTS = frozenset({"list", "negated_command", "pipeline"})


@dataclass(frozen=True, slots=True)
class Redirections:
    """Those of one command, each with its target as a word; `given` are here-documents.

    `arguments` are the command's own words behind a redirection, which the grammar puts there.
    """

    each: tuple[tuple[Redirect, Word], ...] = ()
    given: tuple[Word, ...] = ()
    arguments: tuple[Word, ...] = ()


NONE = Redirections()


def read_redirections(nodes: Iterable[Node], text: bytes) -> Redirections:
    """Read those of some nodes that are redirections."""
    found = [each for node in nodes if node.type in KINDS for each in _with_inner(node)]
    bodies = (each for node in found for each in node.named_children if each.type == "heredoc_body")
    return Redirections(
        tuple(pair for node in found for pair in _of(node, text)),
        tuple(Word(source_of(body, text), is_quoted(body, text)) for body in bodies),
        tuple(read_word(each, text) for node in found for each in _behind(node)),
    )


def is_quoted(node: Node, text: bytes) -> bool:
    """Tell whether a node is a here-document's body, as it is written: its word has quotes."""
    word = node.parent.named_children[0] if node.type == "heredoc_body" and node.parent else None
    if word is None or word.type != "heredoc_start":
        return False
    return any(mark in text[word.start_byte : word.end_byte] for mark in (b"'", b'"', b"\\"))


def last_command(node: Node) -> Node | None:
    """Return the command that a redirection around a node belongs to; None for a compound."""
    while node.type in _LISTS and node.named_children:
        node = node.named_children[-1]
    return node if node.type == "command" else None


def _with_inner(node: Node) -> Iterator[Node]:
    """Yield a redirection, and those on the line of a here-document's beginning."""
    yield node
    if node.type == "heredoc_redirect":
        yield from (each for each in node.named_children if each.type in KINDS)


def _behind(node: Node) -> list[Node]:
    """Return the words behind a redirection: only the first is where it leads."""
    if node.type == "heredoc_redirect":
        return node.children_by_field_name("argument")
    return node.children_by_field_name("destination")[1:]


def _of(node: Node, text: bytes) -> Iterator[tuple[Redirect, Word]]:
    if node.type != "file_redirect":
        return
    descriptor = node.child_by_field_name("descriptor")
    told = source_of(descriptor, text) if descriptor is not None else None
    operator = "".join(each.type for each in node.children if not each.is_named)
    for target in node.children_by_field_name("destination")[:1]:
        word = read_word(target, text)
        yield Redirect(operator, word.text, told), word
