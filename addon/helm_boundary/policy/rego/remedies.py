"""What to do about what the engine says when it can't read a module."""

from __future__ import annotations

from collections.abc import Mapping

REMEDIES: Mapping[str, str] = {
    "rule must have a body or assignment": 'give it a value, as in f("x") := true, or a body: '
    'f(x) if x == "x"',
    "unexpected keyword `import`": "imports stand below package and above the first rule: move it "
    "there",
    "unexpected keyword `some`": "this stands in a rule's body, between the braces; behind a "
    "sum in a comprehension, put the sum in parentheses: [(n + 1) | some …]",
    "unexpected keyword `else`": "else belongs right behind the closing brace of a rule's body",
    "`if` keyword is required before rule body": "write `if {` in place of `{`, and "
    "`deny contains x if {` in place of `deny[x] {`",
    "expecting expression": "something is missing here, or there is one sign too many",
    "invalid character in string": "close the text on the line that it begins in, or write it "
    "between `…`",
    "unmatched": "close the text on the line that it begins in, or write it between `…`",
    "invalid character": "take it out, or put it in quotes",
}


def with_remedy(message: str) -> str:
    """Add to the engine's message what to do about it, where that is known."""
    remedy = next((REMEDIES[words] for words in REMEDIES if words in message), None)
    return f"{message}: {remedy}" if remedy else message
