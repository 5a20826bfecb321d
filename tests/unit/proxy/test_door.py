"""The guard of mitmweb: a name is looked up once, and every doubt is a refusal."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from mitmproxy.connection import Server
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import taddons, tflow

from helm_boundary.proxy.guards.mitmweb_guard import Door

PORT = 8081
ELSEWHERE = "198.51.100.7"  # RFC 5737: nobody's


def connect(host: str, port: int = PORT) -> Server:
    """Return the server of a connection that a client asked for, after the guard has seen it."""
    with taddons.context() as context:
        context.options.add_option("web_port", int, PORT, "as mitmweb has it")
        door = Door(set)
        door.running()
        data = ServerConnectionHookData(Server(address=(host, port)), tflow.tclient_conn())
        asyncio.run(door.server_connect(data))
    return data.server


def test_what_was_looked_at_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name whose second answer would be this machine is connected to by its first."""
    answers = [ELSEWHERE, "127.0.0.1"]

    def look_up(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (answers.pop(0), 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    server = connect("rebinding.example")
    assert (server.error, server.address) == (None, (ELSEWHERE, PORT))


def test_a_name_that_nobody_knows_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be known a moment later."""

    def fail(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert "can't be reached" in str(connect("late.example").error)


def test_other_ports_are_none_of_its_business() -> None:
    """They aren't looked up, so an ordinary connection costs nothing."""
    assert connect("127.0.0.1", PORT + 1).error is None
