r"""What is wrong with a pattern that somebody wrote in a data file: RE2 says it, or YAML has.

In double quotes YAML reads a backslash by itself: `"\b"` is a backspace, `"\P"` a separator.
"""

from __future__ import annotations

import re

import re2

ESCAPES = {
    "\0": "0",
    "\a": "a",
    "\b": "b",
    "\v": "v",
    "\f": "f",
    "\x1b": "e",
    "\x85": "N",
    "\u2028": "L",
    "\u2029": "P",
}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")


def control_fault(pattern: str) -> str | None:
    """Say which control character a pattern has, and where it comes from; None without one."""
    found = _CONTROL.search(pattern)
    if found is None:
        return None
    letter = ESCAPES.get(found[0])
    read = rf": YAML reads \{letter} in double quotes as that" if letter else ""
    remedy = rf"use single quotes, and write \x{{{ord(found[0]):02X}}} where you do mean it"
    return f"has the control character U+{ord(found[0]):04X}{read}: {remedy}"


def pattern_fault(pattern: str) -> str | None:
    """Say what is wrong with a pattern, with what to do; None where it is sound."""
    fault = control_fault(pattern)
    if fault is not None:
        return fault
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        remedy = "mend it; look-around and references back are not in RE2"
        return f"is not one that RE2 can run: {why[:100]}: {remedy}"
    return None
