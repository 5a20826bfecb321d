"""The default policy against what is put where no model reads: address, headers and names."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from support.boundary import Boundary
from support.leaks import PERSONAL, SECRETS
from support.realtime import RealtimeUpstream
from support.scene import CHAT, Answer, Scene, assert_refusal, scene

BODY: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "hello"}],
}
TYPE = ("Content-Type", "application/json")
FORM = ("Content-Type", "multipart/form-data; boundary=line")


@dataclass(frozen=True)
class Sent:
    """A request, as a test sends it."""

    body: bytes = json.dumps(BODY).encode()
    path: str = CHAT
    headers: tuple[tuple[str, str], ...] = (TYPE,)
    method: str = "POST"


def header(value: str, name: str = "X-Note") -> Sent:
    """Return a chat with one header more."""
    return Sent(headers=(TYPE, (name, value)))


def chat(**changes: Any) -> Sent:
    """Return a chat whose body is changed."""
    return Sent(json.dumps({**BODY, **changes}).encode())


def form(*parts: str) -> Sent:
    """Return a transcription's form with these parts beside the model."""
    model = 'Content-Disposition: form-data; name="model"\r\n\r\nwhisper-1'
    told = "".join(f"--line\r\n{part}\r\n" for part in (model, *parts)) + "--line--\r\n"
    return Sent(told.encode(), "/v1/audio/transcriptions", (FORM,))


def disposition(rest: str, *headers: str) -> str:
    """Return a part of a form, a text file."""
    lines = (f"Content-Disposition: form-data; {rest}", *headers, "", "hello")
    return "\r\n".join(lines)


def tool(name: str) -> dict[str, Any]:
    """Return a tool of that name."""
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


def called(name: str) -> list[dict[str, Any]]:
    """Return a history with a call of the tool of that name."""
    call = {"id": "c", "type": "function", "function": {"name": name, "arguments": "{}"}}
    return [
        *BODY["messages"],
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "fine"},
    ]


def once(text: str) -> str:
    """Write a text on one line, as headers and file names need it."""
    return text.replace("\n", "\\n")


PLACES: dict[str, Callable[[str], Sent]] = {
    "a parameter's value": lambda v: Sent(path=f"{CHAT}?note={quote_plus(v)}"),
    "a parameter's value, encoded twice": lambda v: Sent(path=f"{CHAT}?a=1&b={quote(quote(v))}"),
    "every character of a value": lambda v: Sent(
        path=f"{CHAT}?b=" + "".join(f"%{byte:02X}" for byte in v.encode())
    ),
    "a parameter's name": lambda v: Sent(path=f"{CHAT}?{quote(v)}=1"),
    "a query without a name": lambda v: Sent(path=f"{CHAT}?{quote(v)}"),
    "a second parameter behind a semicolon": lambda v: Sent(path=f"{CHAT}?a=1;b={quote(v)}"),
    "a path": lambda v: Sent(path=f"/{quote(v, safe='')}{CHAT}"),
    "a path of an operation": lambda v: Sent(
        b"", f"/v1/models/{quote(v, safe='')}", (), method="GET"
    ),
    "a header": lambda v: header(once(v)),
    "a header, encoded": lambda v: header(quote(v)),
    "a header in JSON": lambda v: header(
        json.dumps({"a": v}).replace(v[:1], f"\\u{ord(v[0]):04x}", 1)
    ),
    "a list in a header": lambda v: header(f"a=1,note={quote(v)}", "Baggage"),
    "a header that policy sees": lambda v: header(once(v), "OpenAI-Project"),
    "an agent's name": lambda v: header(f"agent/1 ({once(v)})", "User-Agent"),
    "a second header of one name": lambda v: Sent(
        headers=(TYPE, ("X-Note", "1"), ("X-Note", once(v)))
    ),
    "the name of a field": lambda v: form(disposition(f'name="{v}"')),
    "the name of a file": lambda v: form(disposition(f'name="notes"; filename="{v}.txt"')),
    "the other name of a file": lambda v: form(
        disposition(f'name="notes"; filename="n.txt"; filename*=utf-8\'\'{quote(v)}')
    ),
    "a part's own header": lambda v: form(disposition('name="notes"', f"X-Note: {once(v)}")),
    "the name of a tool": lambda v: chat(tools=[tool(v)]),
    "the name of a called tool": lambda v: chat(messages=called(v)),
    "the name of a chosen tool": lambda v: chat(
        tools=[tool("search")],
        tool_choice={"type": "function", "function": {"name": v}},
    ),
    "a member's name": lambda v: chat(**{v: True}),
    "a name in metadata": lambda v: chat(metadata={v: "1"}),
    "a property's name": lambda v: chat(
        tools=[
            {
                "type": "function",
                "function": {
                    "name": "search",
                    "parameters": {"type": "object", "properties": {v: {"type": "string"}}},
                },
            }
        ]
    ),
}
ONE_LINE = {
    "the name of a field", "the name of a file",
}  # fmt: skip
"""Places in which there can be no line's end."""
EXPECTED = {("an agent's name", "an address")}
"""What belongs where it stands."""

LEAKS = {**SECRETS, **PERSONAL}
CASES = [
    (place, leak)
    for place in PLACES
    for leak in LEAKS
    if not (place in ONE_LINE and "\n" in LEAKS[leak]) and (place, leak) not in EXPECTED
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start a boundary with the default policy."""
    with scene(tmp_path_factory.mktemp("default"), policy=None) as stage:
        yield stage


def send(stage: Scene, sent: Sent) -> Answer:
    """Send a request as it is described."""
    return stage.post(sent.body, path=sent.path, headers=sent.headers, method=sent.method)


@pytest.mark.parametrize(("place", "leak"), CASES)
def test_what_is_no_business_of_a_provider_is_not_forwarded(
    stage: Scene, place: str, leak: str
) -> None:
    """Neither the upstream nor the answer nor a receipt has it; nothing is cut out by halves."""
    value = LEAKS[leak]
    with stage.untouched():
        answer = send(stage, PLACES[place](value))
    told = assert_refusal(answer, answer.code)
    if answer.code != "SCHEMA_VIOLATION":
        rule = "secrets.request" if leak in SECRETS else "personal.fixed"
        assert rule in [reason["rule"] for reason in told["reasons"]], told
    records = json.dumps(stage.records(answer.correlation))
    for written in (value, quote(value), quote(value, safe=""), quote_plus(value)):
        assert written.encode() not in answer.body
        assert written not in records


IN_TEXTS: dict[str, Callable[[str], Sent]] = {
    "metadata": lambda v: chat(metadata={"note": v}),
    "the user": lambda v: chat(user=v),
    "the safety identifier": lambda v: chat(safety_identifier=v),
    "the cache's key": lambda v: chat(prompt_cache_key=v),
}


@pytest.mark.parametrize("place", IN_TEXTS)
@pytest.mark.parametrize("leak", SECRETS)
def test_a_credential_in_what_only_the_provider_reads_is_not_forwarded(
    stage: Scene, place: str, leak: str
) -> None:
    """A value is a value, whoever reads it."""
    with stage.untouched():
        assert send(stage, IN_TEXTS[place](SECRETS[leak])).code == "DATA_EGRESS_BLOCKED"


@pytest.mark.parametrize("place", IN_TEXTS)
@pytest.mark.parametrize("leak", PERSONAL)
def test_personal_data_in_what_only_the_provider_reads_is_cut_out(
    stage: Scene, place: str, leak: str
) -> None:
    """It leaves without it."""
    answer = send(stage, IN_TEXTS[place](PERSONAL[leak]))
    assert answer.status == 200, answer
    assert PERSONAL[leak].encode() not in stage.upstream.requests[-1].body


def test_a_value_under_its_word_is_found(stage: Scene) -> None:
    """What has to stand near may be the member's name."""
    answer = send(stage, chat(metadata={"ssn": "123-45-6789"}))
    assert answer.status == 200, answer
    assert stage.upstream.requests[-1].json()["metadata"] == {"ssn": "[us_ssn removed]"}


def test_text_beside_escapes_is_cut_out_of_json_in_a_string(stage: Scene) -> None:
    """`json.dumps` escapes what isn't ASCII; the string stays JSON."""
    told = {"name": "Jürgen: juergen@example.com\nann@example.com", "city": "邮箱bob@example.com"}
    result = json.dumps(told)
    messages = [*BODY["messages"], {"role": "user", "content": result}]
    answer = send(stage, chat(messages=messages))
    assert answer.status == 200, answer
    content = json.loads(stage.upstream.requests[-1].json()["messages"][1]["content"])
    cut = "[email removed]"
    assert content == {"name": f"Jürgen: {cut}\n{cut}", "city": f"邮箱{cut}"}


def test_personal_data_in_base64_is_not_cut_out_by_halves(stage: Scene) -> None:
    """The file would be another one."""
    text = ("nothing here, " * 30 + "write to alice.jones@example.com").encode()
    file = {"filename": "a.txt", "file_data": base64.b64encode(text).decode()}
    message = {"role": "user", "content": [{"type": "file", "file": file}]}
    with stage.untouched():
        answer = send(stage, chat(messages=[message]))
    assert [r["rule"] for r in answer.json()["helm"]["reasons"]] == ["personal.fixed"]


# -- sockets -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def realtime() -> Iterator[RealtimeUpstream]:
    """Start a server of sessions."""
    with RealtimeUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def proxy(
    realtime: RealtimeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Boundary]:
    """Start a boundary before it, with the default policy and sessions allowed."""
    folder = tmp_path_factory.mktemp("sockets")
    policy = folder / "policy"
    policy.mkdir()
    allowed = "operations: {allow_categories: [inference, meta, realtime]}\n"
    (policy / "data.yaml").write_text(allowed)
    with Boundary(state=folder, mode=f"reverse:{realtime.url}", policy=policy) as boundary:
        yield boundary


def address(proxy: Boundary, more: str = "", prefix: str = "") -> str:
    """Return a session's address."""
    at = proxy.url.replace("http:", "ws:")
    return f"{at}{prefix}/v1/realtime?model=gpt-realtime{more}"


@pytest.mark.parametrize("leak", LEAKS)
def test_a_handshake_is_judged_as_any_request_is(
    proxy: Boundary, realtime: RealtimeUpstream, leak: str
) -> None:
    """No session is opened with a credential or personal data in its address or its headers."""
    before, value = realtime.handshakes, LEAKS[leak]
    for at, headers in (
        (address(proxy, f"&note={quote(value)}"), {}),
        (address(proxy, prefix=f"/{quote(value, safe='')}"), {}),
        (address(proxy), {"X-Note": once(value)}),
    ):
        with pytest.raises(InvalidStatus) as refused, connect(at, additional_headers=headers):
            pass
        assert refused.value.response.status_code == 403
    assert realtime.handshakes == before


def test_a_browsers_key_is_no_leak(proxy: Boundary, realtime: RealtimeUpstream) -> None:
    """It stands among the subprotocols, for a browser can't set headers."""
    before = realtime.handshakes
    protocols = ["realtime", f"openai-insecure-api-key.{SECRETS['a token']}"]
    headers = {"Sec-WebSocket-Protocol": ", ".join(protocols)}
    with connect(address(proxy), additional_headers=headers) as socket:
        assert json.loads(socket.recv(10))["type"] == "session.created"
    assert realtime.handshakes == before + 1


def test_receipts_keep_a_path_but_for_what_was_found(stage: Scene) -> None:
    """The rest of it says which operation was asked for."""
    answer = send(stage, Sent(b"", f"/v1/models/{SECRETS['a token']}", (), method="GET"))
    request, _ = stage.records(answer.correlation)
    assert request["flow"]["path"] == "/v1/models/(secret.github)"
