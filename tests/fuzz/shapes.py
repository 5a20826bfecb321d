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

    @property
    def name(self) -> str:
        """The dialect, and how many choices were asked for where that is more than one."""
        choices = self.asked.parameters.get("n", 1)
        return self.dialect if choices == 1 else f"{self.dialect}, {choices} choices"

    @property
    def in_messages(self) -> bool:
        """Whether events are messages of a WebSocket."""
        return self.dialect in SOCKETS


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("chat", CHAT, read_chat),
        Shape("chat", CHOICES, read_choices, Call(parameters={"n": 2})),
        Shape("completions", COMPLETIONS, read_chat),
        Shape("messages", MESSAGES, read_blocks),
        Shape("realtime", REALTIME, read_items),
        Shape("responses", RESPONSES, read_items),
        Shape("responses_socket", RESPONSES, read_items),
    )
}
