"""An emergency of a fleet ends by the database's clock, whatever a machine's own says."""

from __future__ import annotations

import time

import pytest

from helm_boundary.fleet.order_rows import OrderRows
from helm_boundary.runtime.observation import LONGEST, Observation
from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect

_FAKE = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE OR REPLACE FUNCTION {schema}.clock_timestamp() RETURNS timestamptz LANGUAGE sql
AS $$ SELECT pg_catalog.clock_timestamp() + interval '{ahead} s' $$;
"""


def orders(database: Address, ahead: int) -> OrderRows:
    """Return orders of a server whose clock is so far ahead of this machine's."""
    schema = f"clock{ahead}".replace("-", "_")
    with connect(database) as connection:
        connection.execute(_FAKE.format(schema=schema, ahead=ahead).encode())
    return OrderRows(Address(f"{database.text}?options=-csearch_path%3D{schema},pg_catalog"))


@pytest.mark.parametrize("ahead", [600, -600], ids=["behind", "ahead"])
def test_a_machine_with_a_wrong_clock_observes_as_long_as_the_others(
    database: Address, ahead: int
) -> None:
    """For what was ordered elsewhere a wrong clock is no excuse, nor for what is ordered there."""
    now, elsewhere = time.time(), orders(database, 0)
    wrong = orders(database, ahead)
    Observation(now, now + 60, "ada", "a test", "r").write(elsewhere)
    assert Observation.read(elsewhere) is not None
    assert Observation.read(wrong) is None, "by the server's clock it is over, or hasn't begun"
    Observation(now, now + 60, "ada", "a test", "r").write(wrong)
    found = Observation.read(wrong)
    assert found is not None
    assert 30 < found.seconds_left <= 60.5
    Observation(now, now + LONGEST, "ada", "a test", "r").write(wrong)
    assert Observation.read(wrong) is not None, "a whole day is allowed"
