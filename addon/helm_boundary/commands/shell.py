"""A shell's text, or the words of one command, into the commands that they would run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from .code import code_of
from .command import Command, Redirect, Script
from .grammar import tree_of
from .inner import Inner
from .patches import files_of
from .redirections import KINDS, NONE, Redirections, is_quoted, last_command, read_redirections
from .shells import is_script
from .words import Word, expand_word, source_of
from .wrappers import inner
from .writes import resolve, written_by_program, written_by_redirects

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_COMMANDS = 1_000
"""More of them in one text are not looked at."""
_DEEP = 8
"""How often one command may run another, or a text within a text."""

_INSIDE = frozenset({"command_substitution", "process_substitution", "subshell"})
_UNSPOKEN = frozenset({"comment", "heredoc_start", "heredoc_end", "raw_string", "word"})
_RULING = re.compile(
    r"(?:LD_PRELOAD|LD_LIBRARY_PATH|BASH_ENV|IFS|PROMPT_COMMAND|BASHOPTS|SHELLOPTS|GIT_SSH"
    r"|GIT_SSH_COMMAND|GIT_EXTERNAL_DIFF|PATH|CDPATH|GIT_CONFIG\w*|PS4|LESSOPEN"
    r"|(?:\w*_)?(?:EDITOR|PAGER)|VISUAL|MANPAGER|BROWSER)\+?="
)
"""Variables that decide what other names mean, or have something run."""
_QUIET = re.compile(r"""\w*(?:EDITOR|PAGER)=["']?(?:true|cat|:|less|)["']?""")
"""How agents have git ask nobody."""
_PATH_GROWS = re.compile(
    r"""PATH\+?=["']?(?:(?!/tmp|/var/tmp|/private|/dev|\.\.|[^:]*/\.\.)[\w./~+@%-]*"""
    r"""(?:\$(?:HOME|PWD|VIRTUAL_ENV)|\$\{(?:HOME|PWD|VIRTUAL_ENV)\})?[\w./+@%-]*:)*"""
    r"""(?:\$PATH|\$\{PATH\})(?=[:"']|$)"""
)
"""A search path that grows, and not by a folder for what is written in passing."""
_TORN = re.compile(r"[^\s\\]\\\n\S")
"""A word over two lines, which the grammar takes for two words."""
_TEXTS = frozenset({"expansion", "heredoc_body"})
_RUNS = re.compile(rb"(?<!\\)(?:\\\\)*+`")
_EXPANDS = re.compile(rb"(?<!\\)(?:\\\\)*+(?:`|\$[({\[])")
_ODD_SPACE = re.compile(r"[\v\f]|\r(?!\n|\Z)")
"""Blanks to the grammar, and letters of a word to a shell: what follows is no comment then."""
_NAMED = 200
"""Bytes of an assignment that say what it is about."""
_FILLS_NOTHING = frozenset({"chgrp", "chmod", "chown", "mkdir", "rm", "rmdir", "touch", "unlink"})
"""Programs that write files, and nothing into them."""
_NETWORK = re.compile(r"/dev/(?:tcp|udp)/")


def read_script(text: str) -> Script:
    """Read a text as a shell would; at most `MAX_COMMANDS` of its commands."""
    reader = _Reader()
    reader.text(text, 0)
    return reader.script


def read_words(words: Sequence[str]) -> Script:
    """Read the words of one command, as a program is given them."""
    reader = _Reader()
    reader.command([Word(word) for word in words], NONE, is_inside=False, depth=0)
    return reader.script


class _Reader:
    """Collects commands; `_folder` is where the shell is by then, None where that isn't known."""

    def __init__(self) -> None:
        self._commands: list[Command] = []
        self._complete = True
        self._folder: str | None = "."
        self._around: dict[int, Sequence[Node]] = {}
        """Redirections that stand around a command and not in it, by the command's node."""

    @property
    def script(self) -> Script:
        """What was read so far."""
        complete = self._complete and all(each.complete for each in self._commands)
        return Script(tuple(self._commands), complete)

    def text(self, text: str, depth: int) -> None:
        """Read a text, within others at a depth."""
        written = text.encode("utf-8", "surrogatepass")
        root = tree_of(written) if depth < _DEEP else None
        if root is None or root.has_error or _TORN.search(text) or _ODD_SPACE.search(text):
            self._complete = False
        if root is not None:
            self._walk(root, written, depth)

    def _walk(self, root: Node, text: bytes, depth: int) -> None:
        # By a stack of its own: a list of a thousand commands is a tree a thousand deep.
        stack: list[tuple[Node | None, str | None, bool]] = [(root, None, depth > 0)]
        while stack:
            node, folder, is_inside = stack.pop()
            if node is None:  # a subshell ends
                self._folder = folder
                continue
            if len(self._commands) >= MAX_COMMANDS:
                self._complete = False
                return
            if node.type in _INSIDE:
                stack.append((None, self._folder, is_inside))
                is_inside = True
            self._node(node, text, is_inside, depth)
            if node.type not in _UNSPOKEN:
                stack.extend((child, None, is_inside) for child in reversed(node.named_children))

    def _node(self, node: Node, text: bytes, is_inside: bool, depth: int) -> None:
        if node.type == "command":
            around = self._around.pop(node.id, ())
            redirections = read_redirections((*node.named_children, *around), text)
            words = [word for each in _word_nodes(node) for word in expand_word(each, text)]
            words.extend(redirections.arguments)
            self.command(words, redirections, is_inside=is_inside, depth=depth)
        elif node.type == "redirected_statement":
            body = node.child_by_field_name("body")
            command = last_command(body) if body is not None else None
            if command is not None:
                self._around[command.id] = node.named_children
            else:
                self._compound(node, text, is_inside, depth)
        elif node.type == "function_definition":
            self._compound(node, text, is_inside, depth)
        elif node.type in _TEXTS and _runs_unseen(node, text):
            # The grammar takes it for a part of the text there, and a shell runs it.
            self._complete = self._complete and is_quoted(node, text)
        elif node.type == "variable_assignment":
            source = source_of(node, text, _NAMED)
            is_plain = _PATH_GROWS.match(source) or _QUIET.fullmatch(source)
            if _RULING.match(source) and not is_plain:
                self._complete = False

    def _compound(self, node: Node, text: bytes, is_inside: bool, depth: int) -> None:
        """Add the redirections of what is no simple command."""
        redirections = read_redirections(node.named_children, text)
        if redirections.each or node.type == "redirected_statement":
            words = redirections.arguments
            self.command(words, redirections, is_inside=is_inside, depth=depth)

    def command(
        self, words: Sequence[Word], beside: Redirections, *, is_inside: bool, depth: int
    ) -> None:
        """Add one command, and those that it runs; `beside` are its redirections."""
        name, rest = (words[0], words[1:]) if words else (Word(""), ())
        program = name.text.rpartition("/")[2] if name.is_known else name.text
        runs = (
            Inner(script=name)
            if name.text != program and is_script(program)
            else inner(program, rest)
        )
        files = _patched(program, rest, beside.given)
        writes, are_known = self._writes(program, rest, beside.each)
        scripts = () if runs.script is None else self._script(runs.script)
        code = code_of(program, rest, beside.given)
        is_told = runs.complete or any(word.is_known for word in code)
        is_told = is_told and all(word.is_known for word in code) and scripts is not None
        self._commands.append(
            Command(
                program=program,
                arguments=tuple(word.text for word in rest),
                redirects=tuple(redirect for redirect, _ in beside.each),
                subshell=is_inside,
                complete=name.is_known and name.is_plain and is_told and are_known
                and files is not None,
                path=name.text if "/" in name.text else None,
                built=tuple(at for at, word in enumerate(rest) if not word.is_known),
                writes=(*writes, *(files or ())),
                scripts=scripts or (),
                code=tuple(word.text for word in code),
            )
        )  # fmt: skip
        self._run(runs.commands, runs.texts, is_inside, depth + 1)
        if program in ("cd", "pushd", "popd", "chdir"):
            self._move(program, rest)

    def _script(self, word: Word) -> tuple[str, ...] | None:
        """Return a shell's file that is run; None where that isn't known, or was just written."""
        folder = self._folder
        if not (word.is_known and word.is_plain) or folder is None:
            return None
        file = resolve(word.text, folder)
        wrote = (each for each in self._commands if each.program not in _FILLS_NOTHING)
        written = {path for each in wrote for path in each.writes}
        within = ("/".join(file.split("/")[:depth]) for depth in range(file.count("/") + 2))
        return None if written & {*within, "."} else (file,)

    def _run(
        self,
        commands: Sequence[Sequence[Word]],
        texts: Sequence[str],
        is_inside: bool,
        depth: int,
    ) -> None:
        if depth > _DEEP or len(self._commands) >= MAX_COMMANDS:
            self._complete = self._complete and not (commands or texts)
            return
        for words in commands:
            self.command(words, NONE, is_inside=is_inside, depth=depth)
        for text in texts:
            before = self._folder
            self.text(text, depth)
            self._folder = before

    def _move(self, program: str, words: Sequence[Word]) -> None:
        """Go to another folder, as `cd` does."""
        targets = [word for word in words if not re.fullmatch("-[LPe@]+|--", word.text)]
        known = program != "popd" and len(targets) == 1 and targets[0].is_known
        target = targets[0].text if known else "-"
        if target in ("-", "") or (self._folder is None and not target.startswith(("/", "~"))):
            self._folder = None
        else:
            self._folder = resolve(target, self._folder or ".")

    def _writes(
        self, program: str, words: Sequence[Word], redirects: Sequence[tuple[Redirect, Word]]
    ) -> tuple[list[str], bool]:
        """Return what is written, and whether that is known."""
        written = [*written_by_redirects(redirects), *written_by_program(program, words)]
        folder = self._folder
        are_known = all(
            word.is_known and (folder is not None or word.text.startswith(("/", "~")))
            for word in written
        )
        is_network = any(_NETWORK.match(target.text) for _, target in redirects)
        return [resolve(word.text, folder or ".") for word in written], are_known and not is_network


def _runs_unseen(node: Node, text: bytes) -> bool:
    """Tell whether a text has something to be run, in which the grammar sees nothing."""
    if node.type != "heredoc_body":
        return _RUNS.search(text, node.start_byte, node.end_byte) is not None
    if _RUNS.search(text, node.start_byte, node.end_byte):
        return True
    seen = [each for each in node.named_children if each.type != "heredoc_content"]
    starts = [node.start_byte, *(each.end_byte for each in seen)]
    ends = [*(each.start_byte for each in seen), node.end_byte]
    return any(_EXPANDS.search(text[a:b]) for a, b in zip(starts, ends, strict=True))


def _word_nodes(command: Node) -> Iterator[Node]:
    """Yield the nodes of a command's words, its name first; assignments before it are none."""
    for node in command.named_children:
        if node.type not in KINDS and node.type not in ("variable_assignment", "comment"):
            yield node


def _patched(program: str, words: Sequence[Word], given: Sequence[Word]) -> tuple[str, ...] | None:
    """Return the files of a patch that a command is given; None where that can't be read."""
    if program not in ("apply_patch", "applypatch"):
        return ()
    texts = [word.text for word in words if word.is_known] + [word.text for word in given]
    found = [files_of(text) for text in texts]
    if not found or not all(found):
        return None
    return tuple(chain.from_iterable(each or () for each in found))
