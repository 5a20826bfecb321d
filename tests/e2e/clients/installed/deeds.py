"""What every client here does: a call that passes and one that doesn't, whole and as a stream."""

from __future__ import annotations

import json
from collections.abc import Callable

PASSES = "Say hello."
FORBIDDEN = "Say xyzzy."
CODE = "FORBIDDEN_WORD"


def report(whole: Callable[[str], str], stream: Callable[[str], str] | None) -> None:
    """Do the deeds; print one JSON object for each: a text, or an error with its code."""
    for name, ask in (("whole", whole), ("stream", stream)):
        for words in (PASSES, FORBIDDEN) if ask else ():
            print(json.dumps({"deed": name, **_outcome(ask, words)}), flush=True)


def _outcome(ask: Callable[[str], str], words: str) -> dict[str, object]:
    try:
        return {"text": ask(words)}
    except Exception as error:
        return {"error": type(error).__name__, "told": CODE in _everything(error)}


def _everything(error: BaseException) -> str:
    chained = error.__cause__ or error.__context__
    said = f"{error} {error!r} {getattr(error, 'body', '')} {getattr(error, 'code', '')}"
    return said + (_everything(chained) if chained else "")
