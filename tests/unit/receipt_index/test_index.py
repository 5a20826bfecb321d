"""The index has what the journal has, in whatever order both grow, and never more."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from helm_boundary.cli.receipts import receipts
from helm_boundary.receipt_index import queries
from helm_boundary.receipt_index.filters import Filter, FilterError
from helm_boundary.receipt_index.index import ReceiptIndex
from helm_receipts.database.errors import StateUnavailable
from helm_receipts.envelope import dsse
from helm_receipts.envelope.signatures import line_of
from helm_receipts.export.select import Selection, select
from helm_receipts.journal.reader import read_record
from support.days import record_day
from support.engines import ENGINES, FolderState, State, state_in
from support.receipts import journal_of, record_calls


@pytest.fixture(scope="module", params=ENGINES)
def state(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> State:
    """Record a day, in a folder and in a database."""
    found = state_in(request, tmp_path_factory.mktemp("day"))
    record_day(calls=300, **found.recorded)
    return found


@pytest.fixture(scope="module")
def journal(state: State) -> Path:
    """Return the receipts in a folder, whatever engine has them."""
    return state.folder() / "journal"


@pytest.fixture
def index(state: State, tmp_path: Path) -> ReceiptIndex:
    opened = ReceiptIndex.open(state.shared.source(), tmp_path / "index")
    opened.refresh()
    return opened


def opened_in(state: State) -> ReceiptIndex:
    return state.shared.open_index(state.shared.source())


def ids(rows: list[dict[str, object]]) -> list[object]:
    return [row["id"] for row in rows]


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"verdict": "DENY"},
        {"phase": "outcome", "model": "gpt-5"},
        {"principal": "ada"},
        {"principal": "01" * 32},
        {"reason": "DATA_EGRESS_BLOCKED", "operation": "createChatCompletion"},
        {"since": "2020-01-01", "until": "2020-01-02"},
    ],
)
def test_it_lists_what_receipts_list_does(
    journal: Path, index: ReceiptIndex, filters: dict[str, Any]
) -> None:
    """The same filters, the same receipts."""
    expected = [record.id for record in select(journal, Selection(**filters))]
    assert set(ids(list(queries.every(index, Filter(**filters))))) == set(expected)
    assert queries.count(index, Filter(**filters)) == len(expected)


def test_a_list_goes_on_where_it_ended(state: State, index: ReceiptIndex) -> None:
    """Page by page, every receipt once, the latest first."""
    seen: list[object] = []
    before = None
    while rows := queries.latest(index, Filter(), 70, before):
        seen += ids(rows)
        before = queries.Place(rows[-1]["at"], rows[-1]["seq"])
    everything = ids(list(queries.every(index, Filter())))
    assert seen == everything[::-1]
    assert (
        len(set(seen)) == len(seen) == 602 + state.registrations
    )  # a session's start is one, and its stop


def test_text_is_found_as_it_stands(index: ReceiptIndex) -> None:
    """A part of a name, in any letter case; signs of SQL's patterns mean themselves."""
    assert queries.count(index, Filter(text="CLAUDE")) == queries.count(
        index, Filter(model="claude-sonnet-4-5")
    )
    assert queries.count(index, Filter(text="gpt_5")) == 0
    assert queries.count(index, Filter(text="%")) == 0
    assert queries.count(index, Filter(rule="models.unlisted")) > 0


def test_a_bad_time_is_named() -> None:
    """Before anything is asked of the index."""
    with pytest.raises(FilterError, match="expected a time such as 2026-11-23"):
        Filter.of({"since": "yesterday"})
    assert Filter.of({"since": "", "nothing": "x"}) == Filter()


def test_sums_over_time_are_those_of_the_outcomes(index: ReceiptIndex) -> None:
    """Each call once, by its outcome; tokens and the boundary's own time with it."""
    hour = 3600 * 10**6
    begin = time.time_ns() // 1000 - 25 * hour
    spans = queries.over_time(index, Filter(), begin, hour, 26)
    outcomes = list(queries.every(index, Filter(phase="outcome")))
    assert sum(span["calls"] for span in spans) == len(outcomes) == 300
    assert sum(span["deny"] for span in spans) == sum(o["verdict"] == "DENY" for o in outcomes)
    assert sum(span["input"] for span in spans) == sum(o["input"] or 0 for o in outcomes)
    assert sum(span["added"] for span in spans) == sum(o["added"] or 0 for o in outcomes)


def test_a_call_has_its_receipts_in_order(index: ReceiptIndex) -> None:
    """Request first, outcome last."""
    row = queries.latest(index, Filter(phase="outcome"), 1)[0]
    assert [each["phase"] for each in queries.of_call(index, row["flow"])] == ["request", "outcome"]


def test_it_follows_what_comes(any_state: State) -> None:
    """What came since, over segments and writers; nothing twice."""
    record_calls(calls=5, **any_state.recorded)
    index = opened_in(any_state)
    assert index.refresh() == 12 + any_state.registrations
    assert index.refresh() == 0
    last = queries.last_number(index)
    record_calls(calls=40, segment_bytes=20_000, **any_state.recorded)
    other = index.another()
    assert other.refresh() == 82
    assert index.refresh() == 0
    assert len(queries.since(index, Filter(phase="outcome"), last, 1000)) == 40
    row = queries.latest(index, Filter(phase="outcome"), 1)[0]
    place = queries.place_of(index, row["id"])
    assert place is not None
    assert read_record(index.source.line(place)).id == row["id"]
    assert queries.count(index, Filter(writer=place.writer)) >= 82
    assert queries.count(index, Filter(writer="nobody")) == 0


def test_an_index_that_is_damaged_or_foreign_is_built_anew(any_state: State) -> None:
    """Nothing in it is worth keeping."""
    record_calls(calls=3, **any_state.recorded)
    index = opened_in(any_state)
    index.refresh()
    index.close()
    for damage in (b"no database at all" * 100, b""):
        index.path.write_bytes(damage)
        again = opened_in(any_state)
        assert again.refresh() == 8 + any_state.registrations
        again.close()
    with sqlite3.connect(index.path) as connection:
        connection.execute("UPDATE origin SET name = 'another'")
    connection.close()
    again = opened_in(any_state)
    assert again.refresh() == 8 + any_state.registrations


@pytest.mark.parametrize("calls_after", [0, 1, 3, 9])
@pytest.mark.parametrize("reopened", [False, True], ids=["runs on", "opened again"])
def test_what_a_restored_backup_has_not_is_not_shown(
    any_state: State, calls_after: int, reopened: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where as many receipts, or more, have come since. The log says so; numbers go on."""
    record_calls(calls=2, **any_state.recorded)
    backup = any_state.backup()
    record_calls(calls=3, **any_state.recorded)
    index = opened_in(any_state)
    index.refresh()
    index.refresh()
    lost, last = ids(queries.latest(index, Filter(), 8)), queries.last_number(index)
    flows = {row["flow"] for row in queries.latest(index, Filter(), 8)} - {None}
    any_state.restore(backup)
    if calls_after:
        record_calls(calls=calls_after, **any_state.recorded)
    if reopened:
        index.close()
        index = opened_in(any_state)
    with suppress(StateUnavailable):  # who was connected is told once
        index.refresh()
    index.refresh()
    there = [record.id for record in select(any_state.folder() / "journal", Selection())]
    assert sorted(map(str, ids(queries.latest(index, Filter(), 1000)))) == sorted(there)
    assert not flows & {row["flow"] for row in queries.latest(index, Filter(), 1000)}
    assert "set back" in caplog.text
    assert queries.last_number(index) > last
    assert lost
    assert index.refresh() == 0


def test_an_index_that_is_behind_what_was_pruned_goes_on(any_state: State) -> None:
    """What went was there once: its rows stay, and what came since is added."""
    record_calls(calls=30, segment_bytes=9_000, **any_state.recorded)
    index = opened_in(any_state)
    count = index.refresh()
    record_calls(calls=30, segment_bytes=9_000, **any_state.recorded)
    any_state.settle()
    arguments = ["prune", *any_state.named, "--before", "0s", "--yes"]
    done = CliRunner().invoke(receipts, arguments)
    assert done.exit_code == 0, done.output
    index.close()
    again = opened_in(any_state)
    added = again.refresh()
    assert added > 0
    assert queries.count(again, Filter()) == count + added


def test_a_line_that_is_no_receipt_is_named_and_passed_over(tmp_path: Path) -> None:
    """Also one whose members are of other kinds than a receipt's."""
    record_calls(tmp_path, 2)
    segment = next(journal_of(tmp_path).glob("*.jsonl"))
    line = segment.read_bytes().split(b"\n")[1]
    statement = json.loads(dsse.parse_line(line).payload)
    statement["predicate"]["flow"]["model"] = {"of": "another kind"}
    odd = line_of(json.dumps(statement).encode(), "00", b"0" * 64)
    segment.write_bytes(b"rubbish\n" + odd + b"\n" + segment.read_bytes())
    index = opened_in(FolderState(tmp_path))
    index.refresh()
    places = index.unread()
    assert [place.rpartition(" ")[2] for place, _ in places] == ["0", "8"]
    assert queries.count(index, Filter()) == 6


def test_a_read_only_folder_is_indexed_elsewhere(tmp_path: Path) -> None:
    """An auditor's copy is never written to."""
    record_calls(tmp_path, 1)
    (tmp_path / "index").write_text("a file where the folder would be")
    index = opened_in(FolderState(tmp_path))
    assert index.refresh() == 4
    assert not index.path.is_relative_to(tmp_path)


def test_two_bring_receipts_in_at_once(any_state: State) -> None:
    """Each receipt once, whoever was first."""
    record_calls(calls=200, **any_state.recorded)
    first = opened_in(any_state)
    threads = [
        threading.Thread(target=lambda: first.another().refresh(), daemon=True) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert queries.count(first, Filter()) == 402 + any_state.registrations
