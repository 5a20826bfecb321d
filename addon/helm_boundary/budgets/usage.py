"""What a call used, by the kinds that have prices of their own.

Sources: `CompletionUsage` and `ResponseUsage` of OpenAI, which count what was cached, and sound,
among the input; `Usage` of Anthropic and `TokenUsage` of Bedrock, which count what was cached and
what was written to the cache beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from helm_boundary.calls.call import Usage

BESIDE = frozenset({"messages", "bedrock"})
"""The dialects whose `input_tokens` are only what wasn't in the cache."""


MOST = 1_000_000_000
"""Tokens that one call is believed to have used: a provider may say any number."""


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens, each counted once in `input` or `output`; the others are parts of those two."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    input_audio: int = 0
    output_audio: int = 0
    reasoning: int = 0
    cache_write_1h: int = 0
    input_image: int = 0
    output_image: int = 0
    searches: int = 0
    """Of the web, by the provider; no tokens."""

    @property
    def is_plain(self) -> bool:
        """Whether no part of it has a price of its own."""
        return not (
            self.cached
            or self.cache_write
            or self.cache_write_1h
            or self.input_audio
            or self.output_audio
            or self.input_image
            or self.output_image
            or self.searches
        )

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input + self.output


def used_of(usage: Usage, dialect: str) -> Used | None:
    """Return what a provider says was used; None where it doesn't say."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    said, output = _believed(usage.input_tokens), _believed(usage.output_tokens)
    cached, written = _believed(usage.cached_tokens), _believed(usage.cache_write_tokens)
    # More in the cache than was read in all: it is counted beside, whatever the dialect.
    beside = dialect in BESIDE or cached + written > said
    whole = said + cached + written if beside else said
    sound = max(0, min(_believed(usage.input_audio_tokens), whole - cached - written))
    seen = max(0, min(_believed(usage.input_image_tokens), whole - cached - written - sound))
    spoken = min(_believed(usage.output_audio_tokens), output)
    return Used(
        input=whole,
        output=output,
        cached=cached,
        cache_write=written,
        input_audio=sound,
        output_audio=spoken,
        reasoning=_believed(usage.reasoning_tokens),
        cache_write_1h=min(_believed(usage.cache_write_1h_tokens), written),
        input_image=seen,
        output_image=min(_believed(usage.output_image_tokens), output - spoken),
        searches=_believed(usage.web_searches),
    )


def _believed(count: int | None) -> int:
    return min(count or 0, MOST)
