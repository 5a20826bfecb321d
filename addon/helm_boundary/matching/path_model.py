"""The model that a path names, which is the one that answers, whatever the body says.

Azure's deployments (`/openai/deployments/{deployment}/chat/completions`), and the old engines
(`/v1/engines/{engine}/completions`), which proxies still serve.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from ..calls.call import Operation
from ..calls.refusal import schema_violation
from .matcher import VERSION, canonical_path

_ROOT = re.compile(r"/(openai/deployments|engines)(?=/)")


def model_in_path(path: str, operation: Operation) -> str | None:
    """The model in an operation's path, or None where the body says it.

    Raises:
        Refusal: the path may be read as naming this model or that.
    """
    _, *found = _ROOT.split(canonical_path(path))
    if not found:
        return None
    root, rest = found[0], found[1].strip("/").removesuffix(operation.path.strip("/")).strip("/")
    name, *more = rest.split("/")
    if len(found) > 2 or (more and operation.path and not _is_backend(root, more)):
        raise schema_violation("the path can be read as naming more than one model")
    if root == "engines" and VERSION.fullmatch(more[0] if more else name):
        return None  # Docker's model runner: /engines/llama.cpp/v1/chat/completions
    return unquote(name) or None


def _is_backend(root: str, more: list[str]) -> bool:
    return root == "engines" and len(more) == 1 and VERSION.fullmatch(more[0]) is not None
