"""How far a grant goes: once, for a time, for a session, and until data says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_boundary.approvals.decisions import NoSession, decide
from helm_boundary.approvals.entry import GRANTED, PENDING, grant_of
from helm_boundary.approvals.extent import ALWAYS, DAY, ONCE, SESSION, Extent, for_time
from helm_boundary.approvals.standing_yes import setting_for
from helm_boundary.approvals.store import Store
from helm_receipts.envelope.statement import ClientFacts, Draft, Reason
from helm_receipts.recording.recorder import Receipt
from support.asked import BINDING, request

ID = "apr_0000000000000001"
OF_SESSION = replace(BINDING, session="5e" * 32)


@pytest.mark.parametrize(
    ("extent", "lasts", "session"),
    [(ONCE, False, ""), (for_time(60), True, ""), (SESSION, True, OF_SESSION.session),
     (ALWAYS, True, OF_SESSION.session)],
    ids=["once", "time", "session", "always"],
)  # fmt: skip
def test_each_extent_has_its_receipt(
    tmp_path: Path, extent: Extent, lasts: bool, session: str
) -> None:
    """It says how far the grant goes, and one that lasts until when: a day at most."""
    drafts, store = [], Store.open(tmp_path)
    store.add(request(1, binding=OF_SESSION))

    def record(draft: Draft) -> Receipt:
        drafts.append(draft)
        return Receipt("abcdefgh-000009", "abcdefgh", 9, b"", "")

    grant = grant_of(decide(store, record, ID, GRANTED, "ada", extent))
    assert (grant.lasts, grant.session) == (lasts, session)
    (draft,) = drafts
    assert draft.event is not None
    assert draft.event["goodFor"] == extent.kind
    assert draft.event["session"] == OF_SESSION.session
    assert ("goodUntil" in draft.event) is lasts
    assert grant.expires_ns - grant.granted_ns <= DAY * 10**9
    other = Store.open(tmp_path)  # as another process reads it
    assert [grant_of(entry) for entry in other.grants()] == [grant]


def test_a_grant_for_a_session_is_for_calls_of_it(tmp_path: Path) -> None:
    """Neither for those of another one, nor for those of none."""
    store = Store.open(tmp_path)
    store.add(request(1, binding=OF_SESSION))
    grant = grant_of(decide(store, lambda _: _receipt(), ID, GRANTED, "ada", SESSION))
    assert grant.is_for(OF_SESSION)
    assert not grant.is_for(replace(OF_SESSION, session="ff" * 32))
    assert not grant.is_for(BINDING)


def test_what_has_no_session_is_not_granted_for_one(tmp_path: Path) -> None:
    """The message says what would do, and the question still waits."""
    store = Store.open(tmp_path)
    store.add(request(1))
    with pytest.raises(NoSession, match="--for 1h"):
        decide(store, lambda _: _receipt(), ID, GRANTED, "ada", SESSION)
    entry = store.find(ID)
    assert entry is not None
    assert entry.status(entry.request.created_ns) == PENDING
    assert not grant_of(decide(store, lambda _: _receipt(), ID, GRANTED, "ada", ALWAYS)).lasts


def _tools(*names: str) -> dict[str, Any]:
    return {"answer": {"tool_calls": [{"name": name, "arguments": "{}"} for name in names]}}


@pytest.mark.parametrize(
    ("rule", "client", "expected"),
    [
        ("tools.unlisted", ClientFacts("ada", "k1"), {"principals": {"ada": {"tools": ["Bash"]}}}),
        ("tools.unlisted", ClientFacts(None, "9e1"), {"principals": {"9e1": {"tools": ["Bash"]}}}),
        ("tools.unlisted", ClientFacts(None, None), {"tools": {"allow": ["Bash"]}}),
        ("tools.person", ClientFacts("ada", None), {"tools": {"allow": ["Bash"]}}),
        ("ask.person", ClientFacts("ada", None),
         {"principals": {"ada": {"rules": {"ask.person": "observe"}}}}),
        ("ask.person", ClientFacts(None, None), {"rules": {"ask.person": "observe"}}),
    ],
)  # fmt: skip
def test_a_standing_yes_is_a_line_of_yaml(
    rule: str, client: ClientFacts, expected: dict[str, Any]
) -> None:
    """For who asked and what was asked about, where there is such a setting."""
    asked = request(
        1, reasons=(Reason("C", rule, "ungranted"),), client=client, summary=_tools("Bash", "Bash")
    )
    (line,) = setting_for(asked)
    assert yaml.safe_load(line) == expected


@pytest.mark.parametrize("name", ["a: b", "on", "}", "x\n- y", '"', "#", "1", "null", "é"])
def test_names_that_mean_something_in_yaml_are_quoted(name: str) -> None:
    """Whatever a model calls its tool, the line says that and no more."""
    asked = request(1, reasons=(Reason("C", "tools.unlisted", "ungranted"),), summary=_tools(name))
    (line,) = setting_for(asked)
    assert yaml.safe_load(line) == {"principals": {"ada": {"tools": [name]}}}
    assert "\n" not in line


def _receipt() -> Receipt:
    return Receipt("abcdefgh-000009", "abcdefgh", 9, b"", "")
