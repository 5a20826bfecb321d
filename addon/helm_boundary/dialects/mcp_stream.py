"""A server's events: notifications flow, and what answers or asks is held until it is judged.

What notifications say is judged at the end, or once there is much of it: a stream may have none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from helm_boundary.calls.call import UNREAD, Answer, Call, Json, Text
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.streaming.sse import BOM, Event
from helm_boundary.wire import strict_json
from helm_boundary.wire.json_rpc import Message, read_messages

from .mcp_answers import read_messages_of_server, texts_of

MAX_UNJUDGED: Final = 64 << 10
"""Characters of notifications that flow before they are judged."""
MAX_TEXTS: Final = 2_000
"""The same, in texts."""
MAX_KEPT: Final = 16 << 20
MAX_WAITING: Final = 1_000
"""What is kept of a stream of which nothing is held, in characters and in messages."""
MAX_ENDS: Final = 100
"""Ends that are remembered of a stream that has no end itself."""
_OLD = "endpoint"


class McpStream:
    """Reads messages as they come; `asked` is what the stream answers, with no body for none."""

    def __init__(self, status: int, asked: Call = UNREAD) -> None:
        self._status = status
        self._open = ids_of(asked.body)
        self.done = not self._open  # nothing in particular is to come
        self._holds_all = False
        self._event: bytes = b""
        self._waiting: tuple[Message, ...] = ()
        self._value: Json = None
        self._answered: list[str] = []
        self._said: list[Text] = []
        self._size = 0
        self._is_full = False
        self._error_code: int | None = None

    def read(self, event: Event) -> None:
        """Take one event in.

        Raises:
            Refusal: no JSON-RPC message, or the transport of 2024-11-05, whose answers come apart
                from their requests.
        """
        if event.type == _OLD:
            raise schema_violation(
                "the server speaks the transport of 2024-11-05 (HTTP with SSE), which can't be "
                "judged; use its Streamable HTTP endpoint"
            )
        if event.data is None or not event.data.strip():
            return
        value = strict_json.parse(event.data, "an event of the stream")
        messages = read_messages(value)
        if self._holds_all or any(each.kind != "notification" for each in messages):
            self._hold(messages, value)
            self._event = event.raw
        else:
            self._let_flow(messages)

    @property
    def holds(self) -> bool:
        """Whether something waits for its verdict."""
        return bool(self._waiting) or self._is_full

    @property
    def ready(self) -> bool:
        """The same: a message comes whole."""
        return self.holds

    @property
    def waiting_value(self) -> Json:
        """The JSON value of the one event that waits, which policy may rewrite; None for none."""
        return self._value

    def mark_judged(self) -> None:
        """Note that what was waiting has been judged, and what flowed before it."""
        told = read_messages_of_server(self._status, self._waiting)
        self._answered = [*self._answered, *told.finish_reasons][-MAX_ENDS:]
        self._error_code = told.error_code or self._error_code
        self._waiting, self._value = (), None
        self._said, self._size, self._is_full = [], 0, False

    def hold_all(self) -> None:
        """Hold notifications, too."""
        self._holds_all = True

    def write_event(self, value: bytes) -> bytes:
        """Write the event that waits anew, with its id and its type."""
        lines = self._event.removeprefix(BOM).splitlines()
        kept = [line for line in lines if line and not line.startswith(b"data")]
        return b"\n".join([*kept, b"data: " + value, b"", b""])

    def read_rewritten(self, value: Json) -> Answer:
        """Read what policy made of the event that waits; Refusal where it is no message."""
        told = read_messages_of_server(self._status, read_messages(value), complete=self.done)
        return replace(told, texts=(*self._said, *told.texts))

    def answer(self, *, waiting_only: bool = False) -> Answer:
        """Say what has come and isn't judged yet."""
        told = read_messages_of_server(self._status, self._waiting, complete=self.done)
        before = () if waiting_only else self._answered
        return replace(
            told,
            texts=(*self._said, *told.texts),
            finish_reasons=(*before, *told.finish_reasons),
            error_code=told.error_code or self._error_code,
        )

    def _hold(self, messages: tuple[Message, ...], value: Json) -> None:
        is_alone = not self._waiting
        if len(self._waiting) < MAX_WAITING:  # more only wait where nothing is held
            self._waiting = (*self._waiting, *messages)
        self._value = value if is_alone else None
        for each in messages:
            if each.kind == "response":
                self._settle(each)

    def _settle(self, message: Message) -> None:
        """Note that a request has its answer."""
        if self._open is None:
            return
        if message.id is not None and str(message.id) not in self._open:
            raise schema_violation("the server answers what wasn't asked in this request")
        self._open.discard(str(message.id))
        self.done = not self._open or message.id is None

    def _let_flow(self, messages: tuple[Message, ...]) -> None:
        for each in messages:
            if self._size > MAX_KEPT:  # only where nothing is held
                return
            # What has left can't be rewritten: it isn't in the event that waits.
            at = f"/notifications/{len(self._said)}"
            found = [replace(text, pointer=at + text.pointer) for text in texts_of(each)]
            self._said += found
            self._size += sum(len(text.text) for text in found)
        self._is_full = self._size > MAX_UNJUDGED or len(self._said) > MAX_TEXTS


def ids_of(asked: Json) -> set[str] | None:
    """Return the ids that are to be answered; None where a stream answers to none."""
    if asked is None:
        return None
    messages = asked if isinstance(asked, list) else [asked]
    asking = (each for each in messages if isinstance(each, dict) and "method" in each)
    return {str(each["id"]) for each in asking if "id" in each}
