"""Tokens as providers count them, wherever they say so.

Sources: `CompletionUsage` and `ResponseUsage` of OpenAI, `Usage` of Anthropic, `TokenUsage` of
Bedrock, `TextGenResult` of watsonx.ai. Groq, Moonshot and others put OpenAI's elsewhere.
"""

from __future__ import annotations

from dataclasses import replace

from helm_boundary.calls.call import Json, Usage

from .json_shape import check_names

_MEMBERS: dict[str, tuple[str, ...]] = {
    "input_tokens": ("input_tokens", "prompt_tokens"),
    "output_tokens": ("output_tokens", "completion_tokens"),
    "cached_tokens": (
        "cache_read_input_tokens",
        "prompt_tokens_details.cached_tokens",
        "input_tokens_details.cached_tokens",
        "input_token_details.cached_tokens",
        "prompt_cache_hit_tokens",
        "cached_tokens",
    ),
    "cache_write_tokens": (
        "cache_creation_input_tokens",
        "prompt_tokens_details.cache_write_tokens",
        "input_tokens_details.cache_write_tokens",
    ),
    "reasoning_tokens": (
        "completion_tokens_details.reasoning_tokens",
        "output_tokens_details.reasoning_tokens",
        "reasoning_tokens",
    ),
    "input_audio_tokens": (
        "prompt_tokens_details.audio_tokens",
        "input_tokens_details.audio_tokens",
        "input_token_details.audio_tokens",
    ),
    "output_audio_tokens": (
        "completion_tokens_details.audio_tokens",
        "output_tokens_details.audio_tokens",
        "output_token_details.audio_tokens",
    ),
    "cache_write_1h_tokens": ("cache_creation.ephemeral_1h_input_tokens",),
    "input_image_tokens": (
        "prompt_tokens_details.image_tokens",
        "input_tokens_details.image_tokens",
        "input_token_details.image_tokens",
    ),
    "output_image_tokens": (
        "completion_tokens_details.image_tokens",
        "output_tokens_details.image_tokens",
        "output_token_details.image_tokens",
    ),
    "web_searches": ("server_tool_use.web_search_requests", "num_search_queries"),
}
"""Where each count is said; the first that is there holds."""


def _by_place() -> dict[str, dict[str, tuple[str, int]]]:
    """Turn the table round: a member, and one in it ("" for none), say a count and its rank."""
    found: dict[str, dict[str, tuple[str, int]]] = {}
    for name, members in _MEMBERS.items():
        for rank, member in enumerate(members):
            outer, _, inner = member.partition(".")
            found.setdefault(outer, {})[inner] = name, rank
    return found


_PLACES = _by_place()


def read_usage(usage: Json) -> Usage:
    """Read a `usage` object, under whichever names it counts."""
    if not isinstance(usage, dict):
        return _NOTHING
    check_names(usage, "the answer's usage")
    found: dict[str, tuple[int, int]] = {}
    for member, value in usage.items():
        if (places := _PLACES.get(member)) is None:
            continue
        for inner, said in value.items() if isinstance(value, dict) else (("", value),):
            if (place := places.get(inner)) and (count := count_of(said)) is not None:
                name, rank = place
                found[name] = min(found.get(name, (rank, count)), (rank, count))
    return Usage(**{name: count for name, (_, count) in found.items()})


def chat_usage(body: dict[str, Json]) -> Usage:
    """Read what a completion or its chunk counts: at the top, in Groq's member, in a choice."""
    found = Usage()
    choices = body.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("usage"):
            found = updated(found, read_usage(choice["usage"]))
    groq = body.get("x_groq")
    if isinstance(groq, dict) and groq.get("usage"):
        found = updated(found, read_usage(groq["usage"]))
    return updated(found, read_usage(body["usage"])) if body.get("usage") else found


def body_usage(body: dict[str, Json], known: Usage | None = None) -> Usage:
    """Read what an answer in any shape counts, or one event of it, over what was `known` before.

    watsonx.ai counts in each result. Its events count what was generated so far, and tell the
    input once and 0 afterwards, so the larger count holds.
    """
    found = updated(known or _NOTHING, read_usage(body.get("usage")))
    results = body.get("results")
    for result in results if isinstance(results, list) else ():
        if isinstance(result, dict):
            found = _raised(found, result)
    return found


def _raised(known: Usage, result: dict[str, Json]) -> Usage:
    """Raise what is known to the counts of a result that was generated."""
    counts = {name: count_of(result.get(member)) for name, member in _GENERATED.items()}
    told = {name: count for name, count in counts.items() if count is not None}
    raised = {name: max(count, getattr(known, name) or 0) for name, count in told.items()}
    return replace(known, **raised)


def bedrock_usage(usage: Json) -> Usage:
    """Read what Bedrock's Converse counts."""
    if not isinstance(usage, dict):
        return _NOTHING
    return Usage(**{name: count_of(usage.get(member)) for name, member in _BEDROCK.items()})


def interactions_usage(usage: Json) -> Usage:
    """Read what Gemini's Interactions count; what was thought is output that is billed."""
    if not isinstance(usage, dict):
        return _NOTHING
    found = Usage(**{name: count_of(usage.get(key)) for name, key in _INTERACTIONS.items()})
    if found.output_tokens is None or found.reasoning_tokens is None:
        return found
    return replace(found, output_tokens=found.output_tokens + found.reasoning_tokens)


def updated(known: Usage, later: Usage) -> Usage:
    """Take a later telling's counts over those known before; what it leaves out stays."""
    if later == _NOTHING:
        return known
    if known == _NOTHING:  # nearly always
        return later
    counts = {name: getattr(later, name) for name in _MEMBERS}
    return replace(known, **{name: count for name, count in counts.items() if count is not None})


_NOTHING = Usage()
_INTERACTIONS = {
    "input_tokens": "total_input_tokens",
    "output_tokens": "total_output_tokens",
    "cached_tokens": "total_cached_tokens",
    "reasoning_tokens": "total_thought_tokens",
}
_GENERATED = {"input_tokens": "input_token_count", "output_tokens": "generated_token_count"}
_BEDROCK = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "cached_tokens": "cacheReadInputTokens",
    "cache_write_tokens": "cacheWriteInputTokens",
}


def count_of(value: Json) -> int | None:
    """Return a count, also where it is written as a float; else None."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
