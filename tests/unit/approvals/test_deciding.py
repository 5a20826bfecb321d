"""Decisions on approvals: the receipt first, once, in time."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

import pytest

from helm_boundary.approvals.decisions import NotPending, decide, expire
from helm_boundary.approvals.entry import EXPIRED, GRANTED, REFUSED, WITHDRAWN
from helm_boundary.approvals.store import Store
from helm_receipts.envelope.statement import Draft
from helm_receipts.errors import RecorderError
from helm_receipts.journal.reader import find_record
from helm_receipts.layout import Layout
from helm_receipts.recording.recorder import Receipt
from support.asked import request
from support.receipts import recording

ID = "apr_0000000000000001"


@pytest.mark.parametrize("decision", [GRANTED, REFUSED, WITHDRAWN])
def test_a_decision_has_a_receipt(tmp_path: Path, decision: str) -> None:
    """The receipt names who decided, what, and the receipt of the request that asked."""
    store = Store.open(tmp_path)
    store.add(request(1))
    with recording(tmp_path) as recorder:
        entry = decide(store, recorder.record_now, ID, decision, "ada")
    assert entry.decided is not None
    assert entry.decided.decision == decision
    said = find_record(Layout(tmp_path).journal, entry.decided.receipt).predicate
    assert said["phase"] == "approval"
    assert said["event"]["kind"] == decision
    assert said["approval"] == {"id": ID, "by": "ada", "requestReceipt": "abcdefgh-000001"}
    assert said["verdict"] == ("ALLOW" if decision == GRANTED else "DENY")


def test_without_a_receipt_nothing_is_decided(tmp_path: Path) -> None:
    """A full disk grants nothing."""

    def refuses(_: Draft) -> Receipt:
        raise RecorderError("no room")

    store = Store.open(tmp_path)
    store.add(request(1))
    with pytest.raises(RecorderError):
        decide(store, refuses, ID, GRANTED, "ada")
    assert store.grants() == []


def test_a_decision_is_final(tmp_path: Path) -> None:
    """The second one is refused, says by whom the first was, and leaves no receipt."""
    store = Store.open(tmp_path)
    store.add(request(1))
    drafts: list[Draft] = []

    def record(draft: Draft) -> Receipt:
        drafts.append(draft)
        return Receipt("abcdefgh-000009", "abcdefgh", 9, b"", "")

    decide(store, record, ID, REFUSED, "eve")
    with pytest.raises(NotPending, match="already refused by eve"):
        decide(store, record, ID, GRANTED, "ada")
    assert len(drafts) == 1


@pytest.mark.parametrize("decision", [GRANTED, REFUSED])
def test_too_late(tmp_path: Path, decision: str) -> None:
    """After its time a request can only be said to have expired, and that once."""
    store = Store.open(tmp_path)
    store.add(request(1, seconds=-1))
    with recording(tmp_path) as recorder:
        with pytest.raises(NotPending, match="expired"):
            decide(store, recorder.record_now, ID, decision, "ada")
        for _ in range(2):
            deque(expire(store, recorder.record_now), 0)
    entry = store.find(ID)
    assert entry is not None
    assert entry.decided is not None
    assert entry.decided.decision == EXPIRED


def test_a_grant_that_nobody_used_expires_once(tmp_path: Path) -> None:
    """With a receipt, like everything else."""
    store = Store.open(tmp_path)
    store.add(request(1, seconds=1))
    drafts: list[Draft] = []

    def record(draft: Draft) -> Receipt:
        drafts.append(draft)
        return Receipt("abcdefgh-000009", "abcdefgh", 9, b"", "")

    decide(store, record, ID, GRANTED, "ada")
    time.sleep(1)
    for _ in range(2):
        deque(expire(store, record), 0)
    assert [draft.event["kind"] for draft in drafts if draft.event] == [GRANTED, EXPIRED]
    assert store.grants() == []


def test_what_is_not_there_cannot_be_decided(tmp_path: Path) -> None:
    """An unknown id is a no with a hint."""
    with (
        recording(tmp_path) as recorder,
        pytest.raises(NotPending, match="there is no request"),
    ):
        decide(Store.open(tmp_path), recorder.record_now, ID, GRANTED, "ada")
