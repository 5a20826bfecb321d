"""A provider whose model works in steps: it calls one tool after another, and then it is done.

It speaks the dialects of coding agents, each as its API answers; a step is over when its call has
a result in the conversation.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mitmproxy.net import encoding
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection

from support.certificates import Certificate
from support.chat import ToolCall, Turn, reply_to_chat
from support.company import CHATGPT
from support.messages import reply_to_message, tool_use
from support.responses import function_call, message, reply_to_response, response_events
from support.socket_server import SocketServer
from support.upstream import Recorded, Reply

DONE = "The work is done."

type Step = tuple[str, dict[str, Any]]
"""A tool's name, and what it is called with."""

ACCOUNT = "/backend-api/wham/accounts/check"
"""What Codex asks of ChatGPT before anything else."""
_ACCOUNTS = {
    "accounts": [
        {
            "id": "a",
            "workspace_backend_origin": f"https://{CHATGPT}",
            "account_routing_override": "NO_CONSTRAINT",
        }
    ],
    "account_ordering": ["a"],
    "default_account_id": "a",
}


@dataclass(frozen=True, slots=True)
class Provider:
    """What its model does, and what it says when all of that is done."""

    steps: Sequence[Step] = ()
    says: str = DONE

    def __call__(self, request: Recorded) -> Reply | None:
        """Answer a request in its dialect; refuse WebSockets."""
        path = request.path.partition("?")[0]
        if request.header("upgrade"):
            return Reply.json({"error": {"message": "no WebSockets here"}}, status=426)
        if path == ACCOUNT:
            return Reply.json(_ACCOUNTS)
        if request.method != "POST":
            return None
        request = plain(request)
        if path.endswith("/responses"):
            return reply_to_response(request, self.item(request.json()))
        if path.endswith("/messages"):
            return reply_to_message(request, self._block(request.json()))
        if path.endswith("/chat/completions"):
            return reply_to_chat(request, self._turn(request.json()))
        return self._gemini(request) if "enerateContent" in path else None

    def item(self, asked: dict[str, Any], before: int = 0) -> dict[str, Any]:
        """Return an item of Responses; `before` are the results of earlier requests."""
        step = self._step(_names(asked), before + results_of(asked["input"]))
        return message(self.says) if step is None else function_call(step[0], json.dumps(step[1]))

    def _block(self, asked: dict[str, Any]) -> dict[str, Any]:
        blocks = [b for each in asked["messages"] for b in _listed(each["content"])]
        done = sum(block.get("type") == "tool_result" for block in blocks)
        step = self._step(_names(asked), done)
        return {"type": "text", "text": self.says} if step is None else tool_use(step[0], **step[1])

    def _turn(self, asked: dict[str, Any]) -> Turn:
        names = {tool["function"]["name"] for tool in asked.get("tools") or ()}
        done = sum(each["role"] == "tool" for each in asked["messages"])
        step = self._step(names, done)
        if step is None:
            return Turn(self.says)
        return Turn("", (ToolCall(step[0], json.dumps(step[1])),))

    def _gemini(self, request: Recorded) -> Reply:
        asked = request.json()
        tools = asked.get("tools") or ()
        names = {one["name"] for each in tools for one in each.get("functionDeclarations", ())}
        parts = [part for content in asked["contents"] for part in content["parts"]]
        step = self._step(names, sum("functionResponse" in part for part in parts))
        part: dict[str, Any] = {"text": self.says}
        if step is not None:
            part = {"functionCall": {"name": step[0], "args": step[1]}}
        candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}
        usage = {"promptTokenCount": 9, "candidatesTokenCount": 5, "totalTokenCount": 14}
        answer = {"candidates": [{**candidate, "index": 0}], "usageMetadata": usage}
        if ":stream" not in request.path:
            return Reply.json(answer)
        return Reply.events(b"data: " + json.dumps(answer).encode() + b"\n\n")

    def _step(self, offered: set[str], done: int) -> Step | None:
        """Return the next step of the agent's main model, which is offered all of their tools."""
        is_main = offered.issuperset(tool for tool, _ in self.steps)
        return self.steps[done] if is_main and done < len(self.steps) else None


class Socket(SocketServer):
    """The Responses API over a WebSocket; `asked` is what clients sent."""

    def __init__(self, certificate: Certificate) -> None:
        super().__init__(certificate)
        self.asked: list[dict[str, Any]] = []
        self.provider = Provider()

    def greet(self, socket: ServerConnection, request: Request) -> Response | None:
        """Answer what Codex asks for before its WebSocket."""
        if request.path != ACCOUNT:
            return None
        answer = socket.respond(200, json.dumps(_ACCOUNTS))
        del answer.headers["Content-Type"]
        answer.headers["Content-Type"] = "application/json"
        return answer

    def converse(self, socket: ServerConnection) -> None:
        """Answer each `response.create` as a request would be answered."""
        before = 0
        try:
            for sent in socket:
                asked = json.loads(sent)
                self.asked.append(asked)
                is_first = asked.get("generate") is False
                output = () if is_first else (self.provider.item(asked, before),)
                before += results_of(asked["input"])
                for event in response_events(asked, output):
                    socket.send(event.split(b"data: ")[1].decode().strip())
        except ConnectionClosed:
            pass


def results_of(items: Any) -> int:
    """Count what tools gave back among a request's items."""
    return sum(str(item.get("type")).endswith("call_output") for item in _listed(items))


def plain(request: Recorded) -> Recorded:
    """Return a request without its compression, which Codex has for ChatGPT."""
    body = encoding.decode(request.body, request.header("content-encoding") or "identity")
    return replace(request, body=body) if isinstance(body, bytes) else request


def _names(asked: dict[str, Any]) -> set[str]:
    return {str(tool.get("name")) for tool in asked.get("tools") or ()}


def _listed(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
