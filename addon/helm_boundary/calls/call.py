"""The values of a call: what was sent, what it means, and what came back.

A call is one OpenAI-shaped exchange in a shape that doesn't depend on the dialect. Pointers are
RFC 6901 pointers into the body that was parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from .tool_names import with_servers
from .wrapped_calls import with_wrapped

type Json = Any
"""A value that came from JSON: None, bool, int, float, str, list or dict of the same."""


type Mode = Literal["enforce", "observe"]
"""Whether verdicts take effect, or are only written down."""

type JudgedPhase = Literal["request", "response"]
"""Which half of a call is judged."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API.

    `category` is inference, data, admin, realtime, meta, agent or unknown.

    A `loose` one may be answered in another shape than its dialect's; that is judged generically.
    The streams of a `framed` one come in frames of bytes, as Amazon's do.
    """

    id: str
    category: str
    dialect: str
    method: str
    path: str
    loose: bool = False
    framed: bool = False


def _joined(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in headers:
        name = key.lower()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it arrived, with where its bytes would go.

    `host` and `port` are the destination, not a header; `names` are the other names that the
    request gives its destination (authority, Host, SNI), and `called` is what else it is known by:
    the address behind a name, or the names where an address is all that is sure. `path` has no
    query. `body` is as sent.
    `reached_at` is our own address where the client takes us for the server, else empty.
    """

    method: str
    scheme: str
    host: str
    port: int
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    flow_id: str = ""
    names: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    names_must_agree: bool = True
    client_address: str = ""
    principal: str | None = None
    tls_inspected: bool = False
    reached_at: str = ""
    _joined: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Headers are asked for a dozen times for each call.
        object.__setattr__(self, "_joined", _joined(self.headers))

    def header(self, name: str) -> str | None:
        """Return the header's values joined by a comma, or None; `name` in lower case."""
        return self._joined.get(name)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response as the upstream sent it; `body` is empty while it is still to come."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    _joined: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Headers are asked for a dozen times for each call.
        object.__setattr__(self, "_joined", _joined(self.headers))

    def header(self, name: str) -> str | None:
        """Return the header's values joined by a comma, or None; `name` in lower case."""
        return self._joined.get(name)


type Place = Literal["text", "name", "coded", "http"]
"""Where a string stands: only what is found in a `text` can be cut out of it."""


@dataclass(frozen=True, slots=True)
class Text:
    """One string that a model or a person will read."""

    place: ClassVar[Place] = "text"

    pointer: str
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class NameText(Text):
    """A name that somebody gave: of a member (to which it points), a form's part or a file."""

    place: ClassVar[Place] = "name"


@dataclass(frozen=True, slots=True)
class CodedText(Text):
    """What the string at the pointer says once it is decoded: JSON's escapes, or base64."""

    place: ClassVar[Place] = "coded"


@dataclass(frozen=True, slots=True)
class HttpText(Text):
    """A string outside of the body; its pointer is into the input document, below `/http`."""

    place: ClassVar[Place] = "http"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call: `arguments_text` as the model wrote it, `arguments` parsed where it is JSON.

    `type` is `function`, `custom` (its text is no JSON), `mcp`, or `hosted` for what the provider
    runs itself. `complete` is False where the model's answer was cut off inside the arguments, and
    for what a client that reads such arguments anyway would make of them.
    """

    id: str | None
    name: str
    arguments_text: str
    arguments: Json
    valid_json: bool
    choice: int
    pointer: str
    type: str = "function"
    complete: bool = True
    server: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model is offered; `digest` (SHA-256, hex) where an MCP server lists it."""

    type: str
    name: str
    description: str
    parameters: Json
    pointer: str
    server: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, in or out."""

    role: str
    text: str
    pointer: str
    parts: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """Something that isn't text: `bytes` and `sha256` where it is inline, `host` where remote."""

    pointer: str
    kind: str
    media_type: str | None
    host: str | None
    bytes: int | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """Something that an MCP server asks of its client: a model's answer, or a person's.

    `mode` is an elicitation's, `form` or `url`; `host` is where its URL leads, None where there is
    none that can be read.
    """

    method: str
    pointer: str
    mode: str | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """What a request asks for, in every dialect alike. `body` is the parsed request.

    `models` are all that may run for it, `model` among them; empty where only that is known.
    `unclaimed` points to members that nobody knows, and that carry a model, a tool or a server.
    `tool_calls` are those that the request itself makes, and `server` is the short name of the MCP
    server that they go to.
    """

    model: str | None = None
    models: tuple[str, ...] = ()
    stream: bool = False
    messages: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: Json = None
    texts: tuple[Text, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    parameters: Mapping[str, Json] = field(default_factory=dict)
    unclaimed: tuple[str, ...] = ()
    body: Json = None
    tool_calls: tuple[ToolCall, ...] = ()
    server: str | None = None


UNREAD = Call()
"""In place of a call that nobody has read."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the upstream counted them; None where it didn't say.

    The later ones are those that have a price of their own. OpenAI counts them in the first two,
    too; Anthropic counts what was cached, or written to the cache, beside `input_tokens`. What was
    written for an hour is a part of `cache_write_tokens`. Searches are no tokens.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    input_image_tokens: int | None = None
    output_image_tokens: int | None = None
    web_searches: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a response says, in every dialect alike; `complete` is False while a stream runs.

    `tool_calls` have those that another one wraps behind it. `tools`, `requests`, `attachments` and
    `error_code` are an MCP server's: what it lists, what it asks of its client, its pictures and
    files, and the code of its (last) error. `id` is the provider's name for the answer, and
    `service_tier` the name of the terms on which it was made, which may have prices of their own.
    """

    status: int
    model: str | None = None
    finish_reasons: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    texts: tuple[Text, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    complete: bool = True
    tools: tuple[Tool, ...] = ()
    requests: tuple[ServerRequest, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    id: str | None = None
    error_code: int | None = None
    service_tier: str | None = None

    def __post_init__(self) -> None:
        if self.tool_calls:
            calls = with_servers(with_wrapped(self.tool_calls))
            object.__setattr__(self, "tool_calls", calls)
