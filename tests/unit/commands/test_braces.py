"""Brace expansion, as bash does it."""

from __future__ import annotations

import shutil
import subprocess
import time

import pytest

from helm_boundary.commands.braces import MAX_WORDS, expand

TEXTS = (
    "a", "{a,b}", "x{a,b}y", "{a,{b,c}}d", "{a,b}{c,d}", "{a}", "{}", "{a", "a}", "{a,b", "{a{b,c}",
    "f{,.bak}x", "{1..3}", "{3..1}", "{01..3}", "{1..9..4}", "{a..c}", "{c..a..2}", "{1..c}",
    "{..}",    "{a..b,c}", "{{1..2},x}", "}{a,b}{", "{a,b}..{c}", "{-1..1}", "{a,,b}x", "{x,{y}",
)  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_as_bash_expands(text: str) -> None:
    """Word for word."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    done = subprocess.run(
        [bash, "-c", f"printf '%s\\n' {text}"], capture_output=True, text=True, check=True
    )
    assert expand(text) == done.stdout.splitlines()


def test_many_words_are_none() -> None:
    """Nor do they take long."""
    before = time.process_time()
    assert expand("{1..1000}") is None
    assert expand("{a,b}" * 1000) is None
    assert expand("{" * 2000) == ["{" * 2000]
    assert time.process_time() - before < 2
    assert len(expand(f"{{1..{MAX_WORDS}}}") or ()) == MAX_WORDS
