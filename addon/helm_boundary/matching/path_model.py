"""The model that a path names, which is the one that answers, whatever the body says.

Azure's deployments (`/openai/deployments/{deployment}/chat/completions`), the old engines
(`/v1/engines/{engine}/completions`), which proxies still serve, and the hubs that have a server for
each model (`/models/{owner}/{name}/v1/chat/completions`, as Hugging Face's text generation). Paths
of clouds are read in `cloud_paths`.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from helm_boundary.calls.call import Operation
from helm_boundary.calls.refusal import schema_violation

from .cloud_paths import cloud_model, is_cloud
from .matcher import VERSION, canonical_path, loosest_reading

_ROOT = re.compile(r"/(openai/deployments|engines)(?=/)", re.IGNORECASE)
_HUB = re.compile(r"/models/([^/]+(?:/[^/]+)?)/v[0-9]+/", re.IGNORECASE)
"""In any letter case: many a server doesn't tell them apart."""


def model_in_path(path: str, operation: Operation) -> str | None:
    """Return the model in an operation's path, None where the body names it.

    Raises:
        Refusal: the path may be read as naming this model or that.
    """
    given, path = path, canonical_path(path)
    if (not path.isascii() or "%" in path) and _hides_root(path, loosest_reading(given)):
        raise schema_violation("the path can be read as naming a model, but isn't written so")
    if is_cloud(operation):
        if _ROOT.search(path):
            raise schema_violation("the path can be read as naming more than one model")
        return cloud_model(path, operation)
    _, *found = _ROOT.split(path)
    hub = _HUB.search(path) if operation.category == "inference" else None
    if hub is not None and found:
        raise schema_violation("the path can be read as naming more than one model")
    if hub is not None:
        return unquote(hub[1])
    if not found:
        return None
    root = found[0].lower()
    rest = found[1].strip("/").removesuffix(operation.path.strip("/")).strip("/")
    name, *more = rest.split("/")
    if len(found) > 2 or (more and operation.path and not _is_backend(root, more)):
        raise schema_violation("the path can be read as naming more than one model")
    if root == "engines" and VERSION.fullmatch(more[0] if more else name):
        return None  # Docker's model runner: /engines/llama.cpp/v1/chat/completions
    return unquote(name) or None


def _hides_root(path: str, loose: str) -> bool:
    """Tell whether a lenient server finds more models in a path than we do."""
    return any(len(root.findall(path)) < len(root.findall(loose)) for root in (_ROOT, _HUB))


def _is_backend(root: str, more: list[str]) -> bool:
    """Tell whether what follows the name names no model: a server's version, Azure's extensions."""
    if root.endswith("deployments"):
        return more == ["extensions"]
    return root == "engines" and len(more) == 1 and VERSION.fullmatch(more[0]) is not None
