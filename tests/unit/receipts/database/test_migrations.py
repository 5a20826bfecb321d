"""Migrations: each is applied once, by whoever comes first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from helm_receipts.database.migrations import all_migrations, applied, migrate, require_current
from helm_receipts.errors import StateRefused


def test_a_database_is_migrated_once(empty_database: Address) -> None:
    with connect(empty_database) as connection:
        assert migrate(connection) == len(all_migrations()) > 0
        assert migrate(connection) == 0
        assert set(applied(connection)) == {each.number for each in all_migrations()}
        require_current(connection)


def test_ten_that_migrate_at_once_apply_each_migration_once(empty_database: Address) -> None:
    def one(_index: int) -> int:
        with connect(empty_database, 30) as connection:
            return migrate(connection)

    with ThreadPoolExecutor(10) as threads:
        assert sum(threads.map(one, range(10))) == len(all_migrations())


def test_a_database_that_was_not_migrated_is_refused_with_the_command(
    empty_database: Address,
) -> None:
    with connect(empty_database) as connection, pytest.raises(StateRefused, match="state migrate"):
        require_current(connection)


def test_a_schema_of_a_newer_version_is_refused(database: Address) -> None:
    with connect(database) as connection:
        connection.execute("INSERT INTO helm_boundary.migrations VALUES (999, '0999_new', 'x')")
        with pytest.raises(StateRefused, match="0999_new of a newer"):
            require_current(connection)


def test_a_migration_whose_text_was_changed_is_refused(database: Address) -> None:
    with connect(database) as connection:
        connection.execute("UPDATE helm_boundary.migrations SET sha256 = 'x' WHERE number = 1")
        with pytest.raises(StateRefused, match="another text"):
            require_current(connection)


def test_numbers_are_unique() -> None:
    numbers = [each.number for each in all_migrations()]
    assert len(set(numbers)) == len(numbers)
