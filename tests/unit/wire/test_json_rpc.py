"""JSON-RPC messages: what each is, and what is none."""

from __future__ import annotations

import pytest

from helm_boundary.calls.call import Json
from helm_boundary.calls.refusal import Refusal
from helm_boundary.wire.json_rpc import MAX_BATCH, read_messages

HEAD = {"jsonrpc": "2.0"}

KINDS: list[tuple[Json, list[str]]] = [
    ({**HEAD, "id": 1, "method": "ping"}, ["request"]),
    ({**HEAD, "id": "a", "method": "ping", "params": {}}, ["request"]),
    ({**HEAD, "method": "notifications/initialized"}, ["notification"]),
    ({**HEAD, "id": 1, "result": {}}, ["response"]),
    ({**HEAD, "id": 1, "error": {"code": -1, "message": "no"}}, ["response"]),
    ({**HEAD, "id": None, "error": {"code": -32700, "message": "what?"}}, ["response"]),
    ({**HEAD, "error": {"code": -32700, "message": "what?"}}, ["response"]),
    ([{**HEAD, "id": 1, "method": "ping"}, {**HEAD, "method": "x"}], ["request", "notification"]),
]


@pytest.mark.parametrize(("value", "kinds"), KINDS)
def test_each_message_is_of_one_kind(value: Json, kinds: list[str]) -> None:
    """One message, or those of a batch."""
    assert [message.kind for message in read_messages(value)] == kinds


REFUSED: dict[str, Json] = {
    "no object": "ping",
    "no version": {"id": 1, "method": "ping"},
    "another version": {"jsonrpc": "1.0", "id": 1, "method": "ping"},
    "a version that is a number": {"jsonrpc": 2.0, "id": 1, "method": "ping"},
    "neither one nor the other": {**HEAD, "id": 1},
    "a request and a response": {**HEAD, "id": 1, "method": "ping", "result": {}},
    "a request and an error": {**HEAD, "id": 1, "method": "ping", "error": {}},
    "two answers": {**HEAD, "id": 1, "result": {}, "error": {}},
    "a response with parameters": {**HEAD, "id": 1, "result": {}, "params": {}},
    "a result without an id": {**HEAD, "result": {}},
    "an error that is text": {**HEAD, "id": 1, "error": "no"},
    "a method that is a number": {**HEAD, "id": 1, "method": 7},
    "a null id": {**HEAD, "id": None, "method": "ping"},
    "an id that is true": {**HEAD, "id": True, "method": "ping"},
    "an id with a fraction": {**HEAD, "id": 1.5, "method": "ping"},
    "an id that is a list": {**HEAD, "id": [1], "method": "ping"},
    "parameters by position": {**HEAD, "id": 1, "method": "tools/call", "params": ["x"]},
    "null as parameters": {**HEAD, "id": 1, "method": "tools/call", "params": None},
    "a method in another case": {**HEAD, "id": 1, "method": "ping", "Method": "tools/call"},
    "a name in another case": {
        **HEAD, "id": 1, "method": "tools/call", "params": {"name": "a", "Name": "b"},
    },
    "an empty batch": [],
    "a batch in a batch": [[{**HEAD, "id": 1, "method": "ping"}]],
    "a batch too long": [{**HEAD, "method": "x"}] * (MAX_BATCH + 1),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_two_readers_could_read_is_refused(name: str) -> None:
    """No reading of it counts."""
    with pytest.raises(Refusal) as caught:
        read_messages(REFUSED[name])
    assert caught.value.code == "SCHEMA_VIOLATION"
