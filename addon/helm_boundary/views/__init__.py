"""Content views: a call as a person reads it, in mitmweb, in the console and in saved flows."""

from __future__ import annotations

from mitmproxy import contentviews

from .conversation import Conversation
from .judgement import IndexOf, Judgement


def add_views(index_of: IndexOf = lambda _: None) -> None:
    """Make the views known to mitmproxy; again makes no difference."""
    for view in (Conversation(), Judgement(index_of)):
        contentviews.add(view)
