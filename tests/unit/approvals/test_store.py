"""The store: each fact once, whoever is first; nothing that isn't ours alone counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest

from helm_boundary.approvals.entry import (
    EXPIRED,
    GRANTED,
    PENDING,
    REFUSED,
    USED,
    Decided,
    Ended,
    EntryError,
    read_request,
    write_request,
)
from helm_boundary.approvals.store import RETENTION_NS, StoreError
from support.asked import request

from .conftest import Place, until

YES = Decided(GRANTED, "ada", 1, "abcdefgh-000002")
NO = Decided(REFUSED, "eve", 2, "abcdefgh-000003")


def test_a_life() -> None:
    """What is written is read back."""
    asked = request(1)
    assert read_request(json.loads(json.dumps(write_request(asked)))) == asked


@pytest.mark.parametrize(
    "damage", [{"id": 1, "extra": 1}, {"binding": None}, {"cover": {"request": 1}}, {"flow": {}}]
)
def test_what_is_no_request_is_refused(damage: dict[str, Any]) -> None:
    """A damaged file is an error, never half a request."""
    with pytest.raises(EntryError):
        read_request({**write_request(request(1)), **damage})


def test_the_first_decision_counts(place: Place) -> None:
    """A grant can't become a refusal, nor the other way round, nor be used twice."""
    store = place.open()
    store.add(request(1))
    assert store.decide("apr_0000000000000001", YES)
    assert not store.decide("apr_0000000000000001", NO)
    assert [entry.id for entry in store.grants()] == ["apr_0000000000000001"]
    assert store.end("apr_0000000000000001", Ended(USED, "flow-1", 3))
    assert not store.end("apr_0000000000000001", Ended(USED, "flow-2", 4))
    assert store.grants() == []
    store.give_back("apr_0000000000000001")
    assert len(store.grants()) == 1


_RACER = """
import json, sys
from pathlib import Path
from helm_boundary.approvals.entry import USED, Ended
from helm_boundary.approvals.store import Store
from helm_receipts.database.address import Address
store = Store.open(Path(sys.argv[1]), *map(Address, sys.argv[2:]))
sys.stdin.read()
ids = [f"apr_{number:016x}" for number in range(20)]
print(json.dumps([identity for identity in ids if store.end(identity, Ended(USED, "x", 1))]))
"""


def test_of_racing_processes_one_uses_a_grant(place: Place) -> None:
    """Three processes for twenty grants: each grant has one user."""
    store = place.open()
    identities = [f"apr_{number:016x}" for number in range(20)]
    for number, identity in enumerate(identities):
        store.add(request(number))
        store.decide(identity, YES)
    racing = [
        subprocess.Popen(
            [sys.executable, "-c", _RACER, *place.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ in range(3)
    ]
    for racer in racing:
        assert racer.stdin is not None
        racer.stdin.close()  # go
    found = []
    for racer in racing:
        assert racer.stdout is not None
        found += json.loads(racer.stdout.read())
        racer.stdout.close()
        assert racer.wait(60) == 0
    assert sorted(found) == identities


def test_time_decides_where_nobody_has(place: Place) -> None:
    """Pending, then expired; a grant expires too; a use doesn't."""
    asked = request(1, seconds=10)
    store = place.open()
    store.add(asked)
    now, later = time.time_ns(), asked.expires_ns

    def status(at: int) -> str:
        entry = store.find(asked.id)
        assert entry is not None
        return entry.status(at)

    assert (status(now), status(later)) == (PENDING, EXPIRED)
    store.decide(asked.id, YES)
    assert (status(now), status(later)) == (GRANTED, EXPIRED)
    store.end(asked.id, Ended(USED, "flow", now))
    assert (status(now), status(later)) == (USED, USED)


def test_what_ended_long_ago_is_forgotten(place: Place) -> None:
    """A day after its time a request is gone, and one that is newer isn't."""
    store = place.open()
    old = request(1, seconds=-1)
    store.add(old)
    store.add(request(2))
    store.prune(old.expires_ns + RETENTION_NS + 1)
    assert [entry.id for entry in store.entries()] == ["apr_0000000000000002"]


def test_of_what_ended_a_thousand_stay(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go; what is pending, granted or refused stays until its time."""
    monkeypatch.setattr("helm_boundary.approvals.store.MAX_FINISHED", 2)
    store = place.open()
    for number in range(8):
        store.add(request(number))
    for number in range(5):
        store.decide(f"apr_{number:016x}", YES)
        store.end(f"apr_{number:016x}", Ended(USED, "flow", number))
    store.decide("apr_0000000000000005", YES)
    store.decide("apr_0000000000000006", NO)
    store.prune(time.time_ns())
    assert [int(entry.id[4:]) for entry in store.entries()] == [3, 4, 5, 6, 7]
    assert all(store.find(f"apr_{number:016x}") is None for number in range(3))


def test_what_another_process_did_is_seen(place: Place) -> None:
    """Whoever decides or uses: at the latest a moment after."""
    here, there = place.open(), place.open()
    here.add(request(1))
    until(lambda: there.find("apr_0000000000000001") is not None)
    there.decide("apr_0000000000000001", YES)
    until(lambda: len(here.grants()) == 1 and here.is_decided("apr_0000000000000001"))
    here.end("apr_0000000000000001", Ended(USED, "flow", 1))
    until(lambda: there.grants() == [])
    there.give_back("apr_0000000000000001")
    until(lambda: len(here.grants()) == 1)


def test_one_decides_at_a_time(place: Place) -> None:
    """Whoever has the lock has read what was decided before it."""
    here, there = place.open(), place.open()
    here.add(request(1))
    with here.deciding():
        with pytest.raises(StoreError, match="another process is deciding"), there.deciding():
            pass
        here.decide("apr_0000000000000001", YES)
    with there.deciding():
        assert len(there.grants()) == 1
