"""Several processes: their places, the pauses before a restart, what isn't refused by accident."""

from __future__ import annotations

from pathlib import Path

import pytest

from helm_boundary.runtime.mitmproxy_program import mitmproxy_arguments
from helm_boundary.runtime.process_place import VARIABLE, Place
from helm_boundary.runtime.processes.backoff import FIRST, MOST, STEADY, Backoff
from helm_boundary.runtime.processes.order import (
    SeveralRefused,
    check_several,
    health_address,
    state_of,
    with_port,
)
from helm_boundary.runtime.start_order import Order


@pytest.mark.parametrize("place", [Place(1, 2, True), Place(1, 2), Place(64, 64)])
def test_a_process_learns_its_place(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one variable, which its parent sets."""
    monkeypatch.setenv(VARIABLE, place.told()[VARIABLE])
    assert Place.own() == place


@pytest.mark.parametrize("text", ["", "1", "1/", "/2", "one/two", "-1/2"])
def test_a_process_that_is_alone_has_no_place(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor has one in whose environment something else stands."""
    monkeypatch.setenv(VARIABLE, text)
    assert Place.own() is None


def test_pauses_grow_with_short_lives_and_start_anew_after_a_long_one() -> None:
    """Twice as long each time, up to a longest."""
    backoff = Backoff()
    pauses = [backoff.after(1.0) for _ in range(12)]
    assert pauses[:4] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]
    assert pauses[-1] == MOST
    assert backoff.after(STEADY) == FIRST
    assert backoff.after(1.0) == 2 * FIRST


def test_the_last_setting_counts() -> None:
    """As with mitmproxy; an address that isn't one is for the first process to refuse."""
    twice = Order(settings=("helm_health=127.0.0.1:1", "helm_health=[::1]:2"))
    assert health_address(twice) == ("::1", 2)
    assert health_address(Order(settings=("helm_healthy=127.0.0.1:1",))) is None
    assert health_address(Order(settings=("helm_health=nonsense",))) is None
    order = Order(state=Path("/one"), settings=("helm_state=/two",))
    assert state_of(order) == Path("/two")
    assert state_of(Order(state=Path("/one"))) == Path("/one")
    database = ("helm_state=postgresql://db/helm",)
    assert state_of(Order(state=Path("/one"), settings=database)) == Path("/one")
    named = (*database, "helm_folder=/own")
    assert state_of(Order(state=Path("/one"), settings=named)) == Path("/own")


def test_a_state_folder_beside_a_database_is_the_boundarys_own() -> None:
    """A container has HELM_STATE; mitmproxy takes each option once."""
    order = Order(state=Path("/one"), settings=("helm_state=postgresql://db/helm",))
    arguments = mitmproxy_arguments(order)
    assert "helm_folder=/one" in arguments
    assert [each for each in arguments if each.startswith("helm_state=")] == [
        "helm_state=postgresql://db/helm"
    ]


def test_any_port_becomes_one_port() -> None:
    """All processes are told the same."""
    assert with_port(Order(port=0)).port > 0
    assert with_port(Order(port=8080)) == Order(port=8080)


def test_systems_that_dont_spread_connections_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process would get them all; the message says what to do instead."""
    check_several(web=False)
    with pytest.raises(SeveralRefused, match="--web"):
        check_several(web=True)
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(SeveralRefused, match="only Linux"):
        check_several(web=False)
