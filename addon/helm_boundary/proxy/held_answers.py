"""Streams whose tool calls wait: for policy, and for a person where it escalates."""

from __future__ import annotations

import asyncio
from functools import partial

from mitmproxy import http

from helm_boundary.flows.notes import mark
from helm_boundary.streaming.gate import Gate, Question, Step

from .call_tracker import CallTracker
from .client_presence import Leaving
from .hold import PATIENCE, Hold
from .stream_feed import GateFeed
from .tracked_flow import Forwarded


class HeldAnswers:
    """Opens the feed of a stream that has a gate."""

    def __init__(self, tracker: CallTracker, leaving: Leaving) -> None:
        self._tracker = tracker
        self._leaving = leaving

    def feed(self, flow: http.HTTPFlow, call: Forwarded, gate: Gate) -> GateFeed:
        """Open the feed of a flow's response, whose questions its own boundary answers."""
        most = call.running.boundary.settings.max_body

        def floods() -> bool:
            return self._leaving.queued_bytes(flow) > most

        async def answer(question: Question) -> list[Step]:
            async with asyncio.timeout(PATIENCE) as deadline:
                hold = Hold(
                    flow,
                    deadline,
                    lambda: None,  # nobody can edit it: what has come isn't kept
                    call.running.hold_seconds,
                    self._leaving.has_gone,
                    floods,
                )
                return await self._answer(flow, call, gate, question, hold)

        keep_alive = call.exchange.progress.keep_alive
        return GateFeed(gate, answer, keep_alive, lambda: self._tracker.is_alone)

    async def _answer(
        self, flow: http.HTTPFlow, call: Forwarded, gate: Gate, question: Question, hold: Hold
    ) -> list[Step]:
        running, turn = call.running, self._tracker.turn
        show = partial(mark, flow, call.exchange, running.boundary)
        park = hold.park(show) if running.holds else None
        return await running.answers.streamed.answer(call.exchange, gate, question, turn, park)
