"""The record of one flow under way: how far it has come, and what may leave of it.

    JUDGING --allowed--> FORWARDED --response judged--> RELEASED --last look--> forgotten
    JUDGING --not a call, or not judged where that is only observed--> UNTOUCHED --> forgotten
    JUDGING --refused--> REFUSED --last look--> forgotten

Only the tracker writes it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from mitmproxy import http

from helm_boundary.enforcement.exchange import Exchange
from helm_boundary.runtime.startup import Running


class State(enum.Enum):
    """How far a flow has come."""

    JUDGING = "its request is being judged"
    UNTOUCHED = "it passes and isn't judged"
    FORWARDED = "it is a call whose request may leave"
    RELEASED = "its response was judged and may go to the client"
    REFUSED = "it goes nowhere, and its client gets a reply of ours"


OPEN = (State.JUDGING, State.FORWARDED)


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A call that went to its upstream, and the boundary it began under, whatever came since."""

    exchange: Exchange
    running: Running


@dataclass(slots=True)
class Tracked:
    """The record of one flow."""

    client: str
    """The id of the client's connection, or of the one that a replay has in its place."""
    running: Running | None
    """The boundary that judges the flow; None where there was none."""
    state: State = State.JUDGING
    forwarded: Forwarded | None = None
    clearance: object | None = None
    """The fingerprint of the request that may leave."""
    stream: object = False
    """How the response streams, as it was chosen."""
    released: object | None = None
    """The fingerprint of the response that may go to the client."""
    is_answered: bool = False
    """Whether another addon has answered the request, so that no upstream will."""
    reply: http.Response | None = None
    """Our reply to a request that was refused."""
