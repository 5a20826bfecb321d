"""The functions of mitmproxy that we replace are those we have read."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

import mitmproxy
import pytest

READ_IN = "12.2.3"
"""The version of mitmproxy that these were read in."""

HTTP = "proxy/layers/http"
MODES = "proxy/mode_servers.py"
SOCKET = "proxy/layers/websocket.py"
REPLACED = {
    ("connections", "proxy/server.py", "ConnectionHandler.__init__"): "f695401fcc32e556",
    ("connections", "proxy/server.py", "ConnectionHandler.on_timeout"): "05db80a3824df86f",
    ("connections", "proxy/server.py", "ConnectionHandler.server_event"): "ffbed451b4933f30",
    ("connections", "proxy/server.py", "ConnectionHandler.drain_writers"): "ebc2aaba7eb47e24",
    ("connections", "proxy/server.py", "ConnectionHandler.handle_connection"): "f9faab6ad3ed5b81",
    ("connections", "proxy/server.py", "TimeoutWatchdog"): "c369d9acd4797ef4",
    ("closed_upstreams", f"{HTTP}/_http1.py", "Http1Connection.mark_done"): "e8acdadedfadd859",
    ("http2_uploads", f"{HTTP}/_http2.py", "Http2Server.__init__"): "606cb50a472f7c52",
    ("http2_uploads", f"{HTTP}/_http2.py", "Http2Server._handle_event"): "97fbe94c6f92487e",
    ("http2_uploads", f"{HTTP}/_http2.py", "Http2Server.handle_h2_event"): "76691181208ce656",
    ("http2_uploads", f"{HTTP}/_http2.py", "Http2Connection"): "e9f8df4933bc5067",
    ("http2_uploads", f"{HTTP}/_http_h2.py", "BufferedH2Connection.__init__"): "6c935e8d58ea1ea6",
    ("dispatch", "addonmanager.py", "AddonManager.trigger_event"): "31ac3d2c14cecbca",
    ("dispatch", "addonmanager.py", "AddonManager.invoke_addon"): "a050cb56056ef9a4",
    ("dispatch", "hooks.py", "Hook.args"): "d94d401aa3ea703f",
    ("final_check", "addonmanager.py", "AddonManager.handle_lifecycle"): "5975604ee789b1a2",
    ("final_check", f"{HTTP}/__init__.py", "HttpStream.make_server_connection"): "35c7cfe84ad70551",
    ("held_streams", f"{HTTP}/__init__.py", "HttpStream.state_stream_response_body"): (
        "5deadcd637f5f796"
    ),
    ("held_streams", f"{HTTP}/__init__.py", "HttpStream.check_killed"): "ce8162a91be58671",
    ("held_streams", "flow.py", "Flow.wait_for_resume"): "bc1d5bb98803f6b8",
    ("socket_control", SOCKET, "WebsocketLayer.relay_messages"): "e800d709617e9042",
    ("socket_control", SOCKET, "WebsocketLayer.start"): "00571c58119049d1",
    ("socket_control", SOCKET, "WebsocketConnection"): "ef7ca0f5449d4444",
    ("lookups", "http.py", "Headers.get_all"): "f2110f75954ca409",
    ("lookups", "coretypes/multidict.py", "_MultiDict.get_all"): "1356945d45345284",
    ("lookups", "optmanager.py", "_Option.current"): "196ad8eb1621cb70",
    ("message_types", "http.py", "MessageData"): "2fe4b7f15ac77ea3",
    ("message_types", "utils/typecheck.py", "check_option_type"): "8d1f6423e2ecbb1b",
    ("shared_ports", MODES, "AsyncioServerInstance.listen"): "8e459ae256c4edc6",
    ("shared_ports", MODES, "AsyncioServerInstance._start"): "7054383aee50ee64",
    ("client_addresses", "proxy/server.py", "ConnectionHandler.handle_client"): "a460e7dd21798856",
    (
        "client_addresses",
        "proxy/mode_servers.py",
        "ServerInstance.handle_stream",
    ): "84b984e0472ccf7a",
    (
        "client_addresses",
        "proxy/mode_servers.py",
        "ProxyConnectionHandler.__init__",
    ): "ade673b0266ba77c",
    ("error_pages", f"{HTTP}/_base.py", "format_error"): "48483a2fe6efb5a7",
    (
        "failed_upstreams",
        f"{HTTP}/__init__.py",
        "HttpStream.handle_protocol_error",
    ): "16ebb14649f2940b",
    ("failed_upstreams", f"{HTTP}/__init__.py", "HttpStream.check_invalid"): "f24060a2e613919d",
    ("error_pages", f"{HTTP}/_http1.py", "make_error_response"): "1ebe7083b78d5937",
}
"""The start of the SHA-256 of each function's source: by the module in `proxy/patches` that
replaces it (or what it stands on), mitmproxy's file and the name there."""


def read(file: str) -> str:
    """Read a source file of mitmproxy's, as it is installed."""
    return (Path(mitmproxy.__path__[0]) / file).read_text("utf-8")


def source_of(file: str, name: str) -> str:
    """Read a function's source from the file; another test may have replaced the function."""
    text = read(file)
    node: ast.AST = ast.parse(text)
    for part in name.split("."):
        node = next(
            each for each in ast.iter_child_nodes(node) if getattr(each, "name", None) == part
        )
    return ast.get_source_segment(text, node) or ""


def digest(file: str, name: str) -> str:
    """Return the start of the SHA-256 of a function's source."""
    return hashlib.sha256(source_of(file, name).encode()).hexdigest()[:16]


@pytest.mark.parametrize(("patch", "file", "name"), REPLACED, ids=lambda part: part)
def test_a_replaced_function_is_the_one_that_was_read(patch: str, file: str, name: str) -> None:
    """Where this fails, read the new source, check the patch, and write down hash and version."""
    known = REPLACED[patch, file, name]
    assert digest(file, name) == known, f"read in {READ_IN}: {source_of(file, name)}"


def test_error_pages_are_called_by_the_names_that_are_replaced() -> None:
    """Each module has imported the function under that name, and calls it there."""
    for version in ("1", "2", "3"):
        assert "format_error(" in read(f"{HTTP}/_http{version}.py")
    assert "make_error_response(" in read(f"{HTTP}/_http1.py")
