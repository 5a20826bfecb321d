"""Operations that a path and a body tell together: neither is enough by itself.

A cloud's path carries now this provider's body, now that one's. What splits a chat into tokens
takes the chat's body, and its answer is none. Mistral's conversations have the path of OpenAI's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from helm_boundary.calls.call import HttpRequest, Json, Operation

from .body_shape import CONVERSE, by_shape, conversation_in, is_of_texts
from .cloud_paths import BY_BODY
from .matcher import neighbour
from .path_reading import canonical_path

_CONVERSATIONS = re.compile(r"/v[0-9]+/conversations(?:/[^/]+(?:/restart)?)?", re.IGNORECASE)
_DIALECTS = {"messages": "chat", "input": "responses", "prompt": "completions"}
_ANTHROPIC = "anthropic_version"
"""The member that clouds want in the body of Anthropic's Messages API."""
_AMAZON = frozenset({"inferenceconfig", "schemaversion", "toolconfig"})
"""Members of Amazon's own shape (Nova's), whose messages are others than a chat's."""


def needs_body(request: HttpRequest, operation: Operation) -> bool:
    """Tell whether an operation is read in the right dialect only once its body has been seen."""
    if operation.dialect == BY_BODY or may_converse(request):
        return True
    return operation.dialect == "generic" and operation.category in ("agent", "meta", "unknown")


def by_path_and_body(request: HttpRequest, operation: Operation, value: Json) -> Operation:
    """Return the operation of a request whose address tells `operation`; `value` is its body."""
    folded = (
        {key.casefold(): item for key, item in value.items()} if isinstance(value, dict) else {}
    )
    if converses(request, folded):
        return CONVERSE
    if operation.dialect == BY_BODY or (operation.dialect == "generic" and by_shape(value)):
        return replace(operation, dialect=_dialect(folded), loose=True)
    return operation


def of_neighbour(request: HttpRequest, shaped: Operation) -> Operation:
    """Return the operation of a body that is a call's, on a path that isn't one on any host."""
    known = neighbour(request)
    if known is None:
        return shaped
    is_bare = known.dialect == "generic" and known.category == "meta"
    dialect = shaped.dialect if is_bare else known.dialect
    return replace(known, dialect=dialect, loose=True)


def converses(request: HttpRequest, body: Mapping[str, Json]) -> bool:
    """Tell whether a request goes on with a conversation as Mistral's do, or begins one."""
    return may_converse(request) and isinstance(body.get("inputs"), str | list)


def may_converse(request: HttpRequest) -> bool:
    """Tell whether a path is that of conversations: Mistral's, OpenAI's or anybody's."""
    return _CONVERSATIONS.search(canonical_path(request.path)) is not None


def _dialect(folded: dict[str, Json]) -> str:
    """Return the dialect of a body; `generic` where it is in none of ours."""
    if _ANTHROPIC in folded:
        return "messages"
    if _AMAZON & folded.keys():
        return "generic"
    member = conversation_in(folded) or ""
    if member == "input" and is_of_texts(folded[member]):
        return "generic"
    return _DIALECTS.get(member, "generic")
