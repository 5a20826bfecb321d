"""Content views: a call as a person reads it, in mitmweb, in the console and in saved flows."""

from __future__ import annotations

from mitmproxy import contentviews

from .conversation import Conversation
from .judgement import Judgement


def add_views() -> None:
    """Make the views known to mitmproxy; again makes no difference."""
    for view in (Conversation(), Judgement()):
        contentviews.add(view)
