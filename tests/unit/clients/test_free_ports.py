"""Ports for listeners that open later."""

from __future__ import annotations

import socket

from helm_boundary.clients.environment import LOOPBACK
from helm_boundary.clients.free_ports import free_ports

EPHEMERAL = 32_768


def test_ports_differ_and_can_be_listened_on() -> None:
    """Twenty ports at once, all of them free."""
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        with socket.socket() as listener:
            listener.bind((LOOPBACK, port))


def test_no_port_is_one_that_an_outgoing_connection_may_get() -> None:
    """Another program's connection can't take the port before its listener opens."""
    assert all(1024 < port < EPHEMERAL for port in free_ports(200))


def test_no_ports_are_asked_for() -> None:
    """A program without a base URL needs none."""
    assert free_ports(0) == []
