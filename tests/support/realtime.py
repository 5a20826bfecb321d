"""A Realtime upstream: a real WebSocket server that answers `response.create` as scripted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from support.socket_server import SocketServer

type Script = Callable[[dict[str, Any]], Iterable[dict[str, Any]]]


def says(text: str) -> list[dict[str, Any]]:
    """Return the events of a response that is text."""
    part = {"type": "output_text", "text": text}
    item = {"id": "item_text", "type": "message", "role": "assistant", "status": "completed",
            "content": [part]}  # fmt: skip
    place = {"response_id": "resp_1", "item_id": "item_text", "output_index": 0, "content_index": 0}
    return [
        {"type": "response.created", "response": {"id": "resp_1", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "response_id": "resp_1",
         "item": {**item, "content": []}},
        {"type": "response.output_text.delta", **place, "delta": text},
        {"type": "response.output_item.done", "output_index": 0, "response_id": "resp_1",
         "item": item},
        {"type": "response.done", "response": {"id": "resp_1", "status": "completed",
                                               "output": [item]}},
    ]  # fmt: skip


def calls(name: str, arguments: str) -> list[dict[str, Any]]:
    """Return the events of a response that calls a function, in the order the API sends them."""
    item = {"id": "item_call", "type": "function_call", "name": name, "call_id": "call_1",
            "arguments": arguments, "status": "completed"}  # fmt: skip
    begun = {**item, "arguments": "", "status": "in_progress"}
    place = {"response_id": "resp_1", "item_id": "item_call", "output_index": 0,
             "call_id": "call_1"}  # fmt: skip
    return [
        {"type": "response.created", "response": {"id": "resp_1", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "response_id": "resp_1",
         "item": begun},
        {"type": "conversation.item.added", "item": begun},
        *({"type": "response.function_call_arguments.delta", **place, "delta": piece}
          for piece in arguments),
        {"type": "response.function_call_arguments.done", **place, "name": name,
         "arguments": arguments},
        {"type": "response.output_item.done", "output_index": 0, "response_id": "resp_1",
         "item": item},
        {"type": "conversation.item.done", "item": item},
        {"type": "response.done", "response": {"id": "resp_1", "status": "completed",
                                               "output": [item]}},
    ]  # fmt: skip


class RealtimeUpstream(SocketServer):
    """The server, in a thread of its own; `events` are what clients sent, `sent` what it sent."""

    def __init__(self, script: Script | None = None) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.handshakes = 0
        self.script: Script = script or (lambda _: says("Hello."))

    def converse(self, socket: ServerConnection) -> None:
        """Greet, and answer each `response.create` by the script."""
        self.handshakes += 1
        try:
            socket.send(json.dumps({"type": "session.created", "session": {"id": "s"}}))
            for message in socket:
                event = json.loads(message)
                self.events.append(event)
                if event["type"] == "response.create":
                    for told in self.script(event):
                        socket.send(json.dumps(told))
        except ConnectionClosed:
            pass
