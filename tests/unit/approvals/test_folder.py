"""The folder of approvals: nothing that isn't ours alone counts, and looking costs nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from helm_boundary.approvals.entry import (
    GRANTED,
    REFUSED,
    USED,
    Decided,
    Ended,
)
from helm_boundary.approvals.store import Store, StoreError
from support.asked import request

YES = Decided(GRANTED, "ada", 1, "abcdefgh-000002")
NO = Decided(REFUSED, "eve", 2, "abcdefgh-000003")


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
