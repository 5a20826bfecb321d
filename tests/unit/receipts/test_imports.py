"""Imports of the package: what it needs, and what of it an auditor has to read."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import helm_receipts
from helm_receipts.export.verifier_archive import MODULES

ROOT = Path(helm_receipts.__path__[0]).parent
READERS = ("helm_receipts.__main__", "helm_receipts.audit.verify", "helm_receipts.audit.fsck")
"""What verifies, and the four commands of `python -m helm_receipts`."""
MOST_LINES = 2000
"""How many lines of code an auditor has to read, without blank ones, comments and docstrings."""
OF_WITNESSES = ("audit.trust_policy", "envelope.cosignature")

WITH_TIMESTAMPS = ("timestamps", "timestamp_client")
"""What needs the extra of that name, and is loaded only where timestamps are asked for."""

WITH_DATABASE = ("database", "tables")
"""The rooms that need the extra `postgresql`, loaded only where the state is a database's."""

WRITERS = {
    "audit.ahead", "audit.keys_in_use", "audit.pins", "envelope.key_files", "envelope.opening",
    "envelope.predicate", "envelope.signatures", "envelope.signing_keys", "journal.journal",
    "log.identity", "log.log", "log.order", "log.publish", "log.rebuild", "recording.keyset",
    "recording.openings", "recording.outside_signer", "recording.pkcs11_signer",
    "recording.recorder", "recording.republish", "recording.rotation",
    "recording.writer", "storage.durable", "storage.isolated", "storage.preallocation",
    "storage.secret_file",
}  # fmt: skip
"""What writes files, has private keys, or starts processes."""

# Of the standard library a verifier has only what can't write; `pathlib` and `open` are below.
STANDARD = {
    "argparse", "base64", "binascii", "collections", "contextlib", "dataclasses", "datetime",
    "functools", "hashlib", "importlib", "inspect", "itertools", "json", "pathlib", "re", "sys",
    "typing", "zipfile", "zlib",
}  # fmt: skip
CHANGES = {
    "chmod", "fallocate", "fdatasync", "fsync", "ftruncate", "hardlink_to", "lchmod", "link",
    "link_to", "makedirs", "mkdir", "posix_fallocate", "pwrite", "rename", "rmdir",
    "rmtree", "symlink_to", "touch", "truncate", "unlink", "utime", "write", "write_bytes",
    "write_text", "writelines",
}  # fmt: skip


def test_the_package_needs_nothing_but_python_and_cryptography() -> None:
    """An auditor installs one package; no proxy is ever imported.

    `canonical` uses orjson where it is there, and its tests show that it needn't be.
    """
    known = sys.stdlib_module_names | {"cryptography", "helm_receipts"}
    modules = list(ROOT.joinpath("helm_receipts").rglob("*.py"))
    assert len(modules) > 20
    for module in modules:
        allowed = known | ({"orjson"} if module.stem == "canonical" else set())
        allowed |= {"rfc3161_client"} if module.stem in WITH_TIMESTAMPS else set()
        allowed |= {"pkcs11"} if module.stem == "pkcs11_signer" else set()
        allowed |= {"psycopg", "psycopg_pool"} if module.parent.name in WITH_DATABASE else set()
        assert {name.split(".")[0] for name in imports(module)} <= allowed, module.name


def test_verification_imports_nothing_that_writes() -> None:
    """Neither a module that writes, signs or starts processes, nor what one would need for that."""
    modules = closure(READERS)
    assert {f"helm_receipts.{name}" for name in WRITERS}.isdisjoint(modules)
    for name, path in modules.items():
        others = {each.split(".")[0] for each in imports(path)}
        allowed = STANDARD | {"cryptography", "helm_receipts"}
        allowed |= {"orjson"} if name.endswith(".canonical") else set()
        assert others <= allowed, name
        assert list(changes(ast.parse(path.read_text("utf-8")))) == [], name


def test_the_verifier_is_short_enough_to_be_read() -> None:
    """All of it, whatever it imports; who must have witnessed a log, and budgets, are apart."""
    found = closure(READERS)
    apart = sum(lines_of_code(found.pop(f"helm_receipts.{name}")) for name in OF_WITNESSES)
    of_budgets = lines_of_code(found.pop("helm_receipts.journal.accounts"))
    lines = sum(map(lines_of_code, found.values()))
    assert lines <= MOST_LINES, lines
    assert apart <= 150, apart
    assert of_budgets <= 40, of_budgets


def test_the_archive_has_what_the_verifier_loads_and_no_more() -> None:
    """`helm-verify.pyz` is made from a list, which is this one."""
    loaded = closure(READERS)
    rooms = {name.partition(".")[0] for name in MODULES if "." in name}
    files = {"helm_receipts", *(f"helm_receipts.{name}" for name in (*rooms, *MODULES))}
    assert files == set(loaded)


def test_every_module_in_the_list_of_writers_exists() -> None:
    """A writer that is renamed stays in the list."""
    for name in WRITERS:
        assert module_path(f"helm_receipts.{name}") is not None, name


def test_running_the_verifier_loads_what_its_source_says() -> None:
    """No import is hidden from a reader of the source."""
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        f"import {', '.join(READERS)}\n"
        "print(*(name for name in sys.modules if name.partition('.')[0] == 'helm_receipts'))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == set(closure(READERS))


@pytest.mark.parametrize(
    "line",
    [
        "path.open('wb')", "path.open(mode='a')", "path.open(how)", "open(path, 'r+')",
        "os.open(path, flags)", "path.write_bytes(b'')", "path.replace(other)", "path.mkdir()",
        "os.replace(a, b)", "file.truncate(0)", "io.open(path, 'x')",
    ],
)  # fmt: skip
def test_a_call_that_writes_is_noticed(line: str) -> None:
    """However it is spelled."""
    assert list(changes(ast.parse(line)))


@pytest.mark.parametrize(
    "line", ["path.open('rb')", "open(path)", "text.replace('a', 'b')", "path.read_bytes()"]
)
def test_a_call_that_reads_is_no_write(line: str) -> None:
    """Otherwise nobody could verify anything."""
    assert not list(changes(ast.parse(line)))


def lines_of_code(path: Path) -> int:
    """Count a module's lines without blank ones, comments and docstrings."""
    text = path.read_text("utf-8")
    said = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    code = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in silent and token.type != tokenize.ENDMARKER
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(code - said)


def closure(names: tuple[str, ...]) -> dict[str, Path]:
    """Find every module of the package that importing these loads."""
    found: dict[str, Path] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        path = module_path(name)
        if path is None or name in found:
            continue
        found[name] = path
        own = tuple(name.split("."))
        waiting += ["helm_receipts", *(".".join(own[: at + 1]) for at in range(1, len(own) - 1))]
        waiting += imports(path)
    return found


def imports(path: Path) -> Iterator[str]:
    """Name what a module imports when it is loaded, each name of a `from` as well."""
    package = path.relative_to(ROOT).parent.parts
    for node in running(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            yield module or "helm_receipts"
            yield from (f"{module}.{alias.name}" for alias in node.names)


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a module without what only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from running(child)


def module_path(name: str) -> Path | None:
    """Find the file of a module of the package; None where the name is something else."""
    path = ROOT.joinpath(*name.split("."))
    found = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in found if file.is_file()), None)


def changes(tree: ast.AST) -> Iterator[str]:
    """Name the calls that change a file or a folder."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        method = isinstance(node.func, ast.Attribute)
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        of_os = ast.unparse(node.func).startswith("os.")
        replaces = method and called == "replace" and len(node.args) == 1  # a text's takes two
        if called in CHANGES or of_os or replaces or (called == "open" and not only_reads(node)):
            yield ast.unparse(node)


def only_reads(call: ast.Call) -> bool:
    """Tell whether a file is opened for reading, in words that stand there."""
    of_path = isinstance(call.func, ast.Attribute) and ast.unparse(call.func) != "io.open"
    positional = call.args[0 if of_path else 1 :][:1]
    modes = [*positional, *(word.value for word in call.keywords if word.arg == "mode")]
    return all(isinstance(mode, ast.Constant) and mode.value in ("r", "rb") for mode in modes)
