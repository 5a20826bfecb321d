"""Patches as the files that they touch."""

from __future__ import annotations

import pytest

from helm_boundary.commands.patches import files_of

OWN = """*** Begin Patch
*** Update File: src/a.py
*** Move to: /etc/b.py
@@ def f():
-*** Delete File: no.py
+x
*** Add File: new file.txt
+*** Add File: no.txt
*** Delete File: ../c.py
*** End Patch
"""
UNIFIED = """diff --git a/src/a.py b/src/a.py
--- a/src/a.py
+++ b/src/a.py
@@ -1,2 +1,2 @@
--- a/no.py
+++ b/no.py
 same
--- /dev/null
+++ b/new.py\t2026-01-01
@@ -0,0 +1 @@
+x
diff --git a/old b/moved
rename from old
rename to moved
"""


def test_files_of_an_apply_patch() -> None:
    """Moves included; lines of content are none."""
    assert files_of(OWN) == ("src/a.py", "/etc/b.py", "new file.txt", "../c.py")


def test_files_of_a_unified_diff() -> None:
    """Lines of a hunk that look like headers are none."""
    assert files_of(UNIFIED) == ("src/a.py", "new.py", "old", "moved")


@pytest.mark.parametrize("text", ["", "hello", "*** Begin Patch\n*** End Patch"])
def test_what_is_no_patch_has_no_files(text: str) -> None:
    """Which isn't the same as a patch of nothing."""
    assert files_of(text) is None
