"""The process that reads long shell texts, each with its length before it; answers likewise."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import BinaryIO

import orjson

from .shell import read_script, read_words

_MEMORY = 2 << 30
_LENGTH = 4


def main() -> None:
    """Read texts from standard input until it ends."""
    _limit_memory()
    source = os.fdopen(sys.stdin.fileno(), "rb", closefd=False)
    target = os.fdopen(sys.stdout.fileno(), "wb", closefd=False)
    _say(b"{}", target)  # ready: from here on the text's own time counts
    while header := source.read(_LENGTH):
        _answer(source.read(int.from_bytes(header, "big")), target)


def _answer(written: bytes, target: BinaryIO) -> None:
    told = json.loads(written)
    script = read_script(told) if isinstance(told, str) else read_words(told)
    _say(orjson.dumps(script), target)


def _say(answer: bytes, target: BinaryIO) -> None:
    target.write(len(answer).to_bytes(_LENGTH, "big") + answer)
    target.flush()


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # where a system has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


if __name__ == "__main__":
    main()
