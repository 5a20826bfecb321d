"""The store: each fact once, whoever is first; nothing that isn't ours alone counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
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
from helm_boundary.approvals.store import RETENTION_NS, Store, StoreError
from support.asked import request

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


def test_the_first_decision_counts(tmp_path: Path) -> None:
    """A grant can't become a refusal, nor the other way round, nor be used twice."""
    store = Store.open(tmp_path)
    store.add(request(1))
    assert store.decide("apr_0000000000000001", YES)
    assert not store.decide("apr_0000000000000001", NO)
    assert [entry.id for entry in store.grants()] == ["apr_0000000000000001"]
    assert store.end("apr_0000000000000001", Ended(USED, "flow-1", 3))
    assert not store.end("apr_0000000000000001", Ended(USED, "flow-2", 4))
    assert store.grants() == []
    store.give_back("apr_0000000000000001")
    assert len(store.grants()) == 1


def test_another_process_is_seen_at_once(tmp_path: Path) -> None:
    """However quickly one change follows the other: two stores never disagree."""
    here, there = Store.open(tmp_path), Store.open(tmp_path)
    for number in range(60):
        identity = f"apr_{number:016x}"
        here.add(request(number))
        assert there.find(identity) is not None
        there.decide(identity, YES)
        assert [entry.id for entry in here.grants()] == [identity]
        here.end(identity, Ended(USED, "flow", number))
        assert there.grants() == []


_RACER = """
import json, sys
from pathlib import Path
from helm_boundary.approvals.entry import USED, Ended
from helm_boundary.approvals.store import Store
store = Store.open(Path(sys.argv[1]))
sys.stdin.read()
ids = [f"apr_{number:016x}" for number in range(20)]
print(json.dumps([identity for identity in ids if store.end(identity, Ended(USED, "x", 1))]))
"""


def test_of_racing_processes_one_uses_a_grant(tmp_path: Path) -> None:
    """Three processes for twenty grants: each grant has one user."""
    store = Store.open(tmp_path)
    identities = [f"apr_{number:016x}" for number in range(20)]
    for number, identity in enumerate(identities):
        store.add(request(number))
        store.decide(identity, YES)
    racing = [
        subprocess.Popen(
            [sys.executable, "-c", _RACER, str(tmp_path)],
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


def test_time_decides_where_nobody_has(tmp_path: Path) -> None:
    """Pending, then expired; a grant expires too; a use doesn't."""
    asked = request(1, seconds=10)
    store = Store.open(tmp_path)
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


def test_the_folder_is_private(tmp_path: Path) -> None:
    """0700 and 0600, and refused when it isn't."""
    Store.open(tmp_path).add(request(1))
    folder = tmp_path / "approvals"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in folder.iterdir()] == [0o600]
    folder.chmod(0o755)
    with pytest.raises(StoreError, match="the operator's alone"):
        Store.open(tmp_path)


@pytest.mark.parametrize("damage", ["not JSON", "{}", "[]", '{"decision": "allowed"}', ""])
def test_what_cannot_be_read_grants_nothing(tmp_path: Path, damage: str) -> None:
    """A torn, forged or foreign decision leaves no grant behind."""
    store = Store.open(tmp_path)
    store.add(request(1))
    forged = tmp_path / "approvals" / "apr_0000000000000001.decision"
    forged.write_text(damage)
    forged.chmod(0o600)
    assert store.grants() == []


def test_what_could_not_be_read_again_is_not_kept(tmp_path: Path) -> None:
    """A question too large for its file is an error at once, and nothing is left of it."""
    store = Store.open(tmp_path)
    with pytest.raises(StoreError, match="at most 1048576 bytes"):
        store.add(request(1, summary={"to": "x" * (1 << 20)}))
    assert list((tmp_path / "approvals").iterdir()) == []


def test_a_damaged_file_is_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever makes one can't fill the log with it."""
    store = Store.open(tmp_path)
    store.add(request(1))
    (tmp_path / "approvals" / "apr_0000000000000001.decision").write_text("{")
    for number in range(2, 6):
        store.add(request(number))
        store.entries()
    assert caplog.text.count("apr_0000000000000001 can't be read") == 1


def test_files_of_other_modes_and_kinds_grant_nothing(tmp_path: Path) -> None:
    """A file that others may read or write was not written by us; nor was a link."""
    store = Store.open(tmp_path)
    for number, mode in enumerate((0o644, 0o666)):
        store.add(request(number))
        store.decide(f"apr_{number:016x}", YES)
        (tmp_path / "approvals" / f"apr_{number:016x}.decision").chmod(mode)
    store.add(request(2))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(json.dumps({"decision": GRANTED, "by": "e", "at_ns": 1, "receipt": ""}))
    elsewhere.chmod(0o600)
    (tmp_path / "approvals" / "apr_0000000000000002.decision").symlink_to(elsewhere)
    assert Store.open(tmp_path).grants() == []


def test_what_ended_long_ago_is_forgotten(tmp_path: Path) -> None:
    """A day after its time a request is gone, and one that is newer isn't."""
    store = Store.open(tmp_path)
    old = request(1, seconds=-1)
    store.add(old)
    store.add(request(2))
    store.prune(old.expires_ns + RETENTION_NS + 1)
    assert [entry.id for entry in store.entries()] == ["apr_0000000000000002"]


def test_of_what_ended_a_thousand_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go; what is pending, granted or refused stays until its time."""
    monkeypatch.setattr("helm_boundary.approvals.store.MAX_FINISHED", 2)
    store = Store.open(tmp_path)
    for number in range(8):
        store.add(request(number))
    for number in range(5):
        store.decide(f"apr_{number:016x}", YES)
        store.end(f"apr_{number:016x}", Ended(USED, "flow", number))
    store.decide("apr_0000000000000005", YES)
    store.decide("apr_0000000000000006", NO)
    store.prune(time.time_ns())
    assert [int(entry.id[4:]) for entry in store.entries()] == [3, 4, 5, 6, 7]
    assert len(list((tmp_path / "approvals").iterdir())) == 2 * 3 + 2 + 2 + 1


def test_an_idle_store_costs_one_look_at_the_folder(tmp_path: Path) -> None:
    """Less than a tenth of a millisecond, on any machine; it is a `stat`."""
    store = Store.open(tmp_path)
    store.add(request(1))
    time.sleep(0.1)
    store.grants()
    began = time.perf_counter()
    for _ in range(10_000):
        store.grants()
    assert time.perf_counter() - began < 1.0
