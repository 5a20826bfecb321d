"""The dialects that are fuzzed: how each tells calls, and how its clients read them."""

from __future__ import annotations

from dataclasses import dataclass

from helm_boundary.calls.call import UNREAD, Call
from helm_boundary.dialects import SOCKETS

from .block_readers import read_blocks
from .block_streams import MESSAGES
from .chat_readers import read_chat, read_choices
from .chat_streams import CHAT, CHOICES, COMPLETIONS
from .item_readers import read_items
from .item_streams import REALTIME, RESPONSES
from .native_readers import (
    read_bedrock,
    read_cohere,
    read_conversations,
    read_dashscope,
    read_gemini,
    read_interactions,
    read_ollama,
)
from .native_streams import (
    BEDROCK,
    COHERE,
    CONVERSATIONS,
    DASHSCOPE,
    GEMINI,
    INTERACTIONS,
    OLLAMA,
)
from .readers import Read
from .tellings import Manner


@dataclass(frozen=True, slots=True)
class Shape:
    """One dialect as servers write it and clients read it."""

    dialect: str
    manner: Manner
    read: Read
    asked: Call = UNREAD
    """The call that its streams answer."""
    is_named: bool = False
    """Whether every event has its name beside it, as Amazon's frames have."""

    @property
    def name(self) -> str:
        """The dialect, and how many choices were asked for where that is more than one."""
        choices = self.asked.parameters.get("n", 1)
        return self.dialect if choices == 1 else f"{self.dialect}, {choices} choices"

    @property
    def in_messages(self) -> bool:
        """Whether events are messages of a WebSocket."""
        return self.dialect in SOCKETS


_IN_WORDS = Call(body={"parameters": {"incremental_output": True}})
SHAPES = {
    shape.name: shape
    for shape in (
        Shape("bedrock", BEDROCK, read_bedrock, is_named=True),
        Shape("chat", CHAT, read_chat),
        Shape("chat", CHOICES, read_choices, Call(parameters={"n": 2})),
        Shape("cohere", COHERE, read_cohere),
        Shape("completions", COMPLETIONS, read_chat),
        Shape("conversations", CONVERSATIONS, read_conversations),
        Shape("dashscope", DASHSCOPE, read_dashscope, _IN_WORDS),
        Shape("gemini", GEMINI, read_gemini),
        Shape("interactions", INTERACTIONS, read_interactions),
        Shape("messages", MESSAGES, read_blocks),
        Shape("ollama", OLLAMA, read_ollama),
        Shape("realtime", REALTIME, read_items),
        Shape("responses", RESPONSES, read_items),
        Shape("responses_socket", RESPONSES, read_items),
    )
}
