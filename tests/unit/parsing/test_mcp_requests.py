"""Requests to MCP servers: the call that each makes, and headers that must say the same."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.approvals.binding import digest_request
from helm_boundary.calls.call import HttpRequest
from helm_boundary.calls.refusal import Refusal
from helm_boundary.matching.mcp import operation_named
from helm_boundary.matching.mcp_servers import read_servers
from helm_boundary.parsing.parsed_call import Recognised
from helm_boundary.parsing.requests import read_call
from support.mcp import request, tool_call

SERVERS = read_servers({"mcp": {"servers": {"known": "https://known.example/mcp"}}})
CALL = operation_named("mcp.tools.call")


def sent(message: object, path: str = "/mcp", **headers: str) -> HttpRequest:
    """Return a request to the known server."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    body = json.dumps(message).encode()
    return HttpRequest("POST", "https", "known.example", 443, path, "", named, body)


def read(message: object, path: str = "/mcp", **headers: str) -> Recognised:
    """Read it."""
    return read_call(sent(message, path, **headers), CALL, 1 << 20, SERVERS)


def test_calls_have_the_servers_name() -> None:
    """Those of a batch, too; elsewhere there is none."""
    assert read(tool_call("x")).call.server == "known"
    assert read(tool_call("x")).call.tool_calls[0].server == "known"
    assert [each.call.server for each in read([tool_call("x"), request("ping")]).inner] == [
        "known",
        "known",
    ]
    assert read(tool_call("x"), "/other").call.server is None


def test_each_message_of_a_batch_is_an_operation_of_its_own() -> None:
    """Named by its place."""
    whole = read([tool_call("x"), request("tools/list")])
    assert whole.operation.id == "mcp.batch"
    assert [each.operation.id for each in whole.inner] == ["mcp.tools.call", "mcp.tools.list"]
    assert [each.pointer for each in whole.inner] == ["/0", "/1"]


@given(
    st.dictionaries(st.text(), st.text() | st.integers(-(2**53), 2**53) | st.booleans(), max_size=3)
)
def test_a_header_that_an_argument_says_passes(arguments: dict[str, Any]) -> None:
    """As the protocol writes strings, integers and flags."""
    for value in arguments.values():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        coded = base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()
        if not any(0xD800 <= ord(letter) < 0xE000 for letter in text):
            message = request("tools/call", 1, name="x", arguments=arguments)
            read(message, Mcp_Param_X=f"=?base64?{coded}?=")


@pytest.mark.parametrize("headers", [
    {"Mcp_Method": "tools/list"}, {"Mcp_Name": "y"}, {"Mcp_Param_A": "c"}, {"Mcp_Method": ""},
    {"Mcp_Name": "=?base64?eQ==?="}, {"Mcp_Name": "=?base64?!?="}, {"Mcp_Name": "X"},
])  # fmt: skip
def test_a_header_that_says_something_else_is_refused(headers: dict[str, str]) -> None:
    """Whoever routes by it sees another call."""
    with pytest.raises(Refusal):
        read(tool_call("x", a="b"), **headers)


def test_a_resource_is_named_by_its_address() -> None:
    """Not by its name."""
    read(request("resources/read", uri="a:b"), Mcp_Name="a:b")
    with pytest.raises(Refusal):
        read(request("resources/read", uri="a:b", name="x"), Mcp_Name="x")


def test_a_grant_is_bound_to_what_is_asked() -> None:
    """And not to the id, or to how it is traced and answered."""

    def digest(message: object) -> str:
        got = read(message)
        return digest_request(sent(message), got.call, "mcp")

    def with_meta(message: dict[str, Any], **meta: object) -> dict[str, Any]:
        return {**message, "params": {**message["params"], "_meta": meta}}

    asked = tool_call("x", 1, a="b")
    assert digest(asked) == digest(tool_call("x", "other", a="b"))
    assert digest(asked) == digest(with_meta(asked, progressToken=7))
    assert digest(asked) != digest(tool_call("x", 1, a="c"))
    assert digest(asked) != digest(tool_call("y", 1, a="b"))
    more = {**asked, "params": {**asked["params"], "requestState": "x"}}
    assert digest(asked) != digest(more)
    assert digest([asked]) == digest([tool_call("x", 5, a="b")])
