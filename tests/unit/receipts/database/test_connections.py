"""Connections: a statement has its deadline, and no password is shown."""

from __future__ import annotations

import time

import pytest

from helm_receipts.database.address import Address, is_address
from helm_receipts.database.connections import (
    DeadlinePassed,
    connect,
    has_ended,
    open_pool,
)
from helm_receipts.database.errors import StateUnavailable
from helm_receipts.errors import StateRefused


def test_a_statement_that_takes_too_long_is_given_up(empty_database: Address) -> None:
    with connect(empty_database, deadline_seconds=0.3) as connection:
        begun = time.monotonic()
        with pytest.raises(DeadlinePassed):
            connection.execute("SELECT pg_sleep(20)")
        assert time.monotonic() - begun < 5
        assert connection.closed


def test_a_pool_has_the_same_deadline(empty_database: Address) -> None:
    with open_pool(empty_database, deadline_seconds=0.3) as pool:
        with pool.connection() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(DeadlinePassed), pool.connection() as connection:
            connection.execute("SELECT pg_sleep(20)")
        with pool.connection() as connection:
            assert connection.execute("SELECT 2").fetchone() == (2,)


def test_a_pool_notices_connections_that_the_server_has_ended(empty_database: Address) -> None:
    """As by a restart: else the first statement on each idle one of them would fail."""
    with open_pool(empty_database, deadline_seconds=5) as pool:
        with pool.connection() as one, pool.connection() as other:
            pids = [one.info.backend_pid, other.info.backend_pid]
            assert not has_ended(one)
        with connect(empty_database) as operator:
            operator.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s) pid", (pids,))
        for _ in pids:
            with pool.connection() as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(StateUnavailable, match=r"postgresql://ada@127.0.0.1:1/db") as found:
        connect(Address("postgresql://ada:geheim@127.0.0.1:1/db"))
    assert "geheim" not in str(found.value)


@pytest.mark.parametrize(
    "text",
    ["postgresql://ada:geheim@h/db", "postgres://h/db?user=ada&password=geheim",
     "postgresql://ada:geheim@h1:1,h2:2/db?sslmode=verify-full"],
)  # fmt: skip
def test_no_password_is_shown(text: str) -> None:
    address = Address(text)
    assert "geheim" not in str(address) + repr(address)
    assert "geheim" in address.text


@pytest.mark.parametrize("text", ["postgresql://host", "postgresql://host/", "mysql://host/db"])
def test_an_address_that_names_no_database_is_refused(text: str) -> None:
    with pytest.raises(StateRefused, match="expected"):
        Address(text)


def test_folders_are_no_addresses() -> None:
    assert is_address("postgresql://h/d")
    assert is_address("POSTGRES://h/d")
    assert not any(map(is_address, ["/var/lib/x", "postgresql", "C:\\x", "", "sqlite://x"]))
