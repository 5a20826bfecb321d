"""The store of balances: every engine of it, whoever does what meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helm_boundary.budgets.amounts import NO_LIMITS, NOTHING, Amounts
from helm_boundary.budgets.definitions import Rate
from helm_boundary.budgets.embedded import books_file, open_store
from helm_boundary.budgets.sqlite_store import SqliteStore
from helm_boundary.budgets.store import Balance, Claim, Place, Short, Store, StoreError
from helm_boundary.budgets.windows import EVER, Span
from helm_receipts.layout import Layout
from unit.budgets.conftest import Opener

CALL = Amounts(calls=1)


def claim(scope: str = "a", calls: int | None = None, amounts: Amounts = CALL) -> Claim:
    """Return a claim in a window that never ends."""
    return Claim(scope, EVER, amounts, (calls, *NO_LIMITS[1:]))


def used(store: Store, scope: str = "a") -> Amounts:
    """Return what is used of a scope."""
    return asyncio.run(store.used([Place(scope, 0)]))[0]


def reserve(store: Store, call: str, *claims: Claim) -> object:
    """Reserve for a call."""
    return asyncio.run(store.reserve(call, claims))


def settle(store: Store, call: str, amounts: Amounts, scopes: Sequence[str] = ("a",)) -> bool:
    """Charge a call that amount in each scope."""
    return asyncio.run(store.settle(call, {Place(scope, 0): amounts for scope in scopes}))


def test_a_reservation_counts_at_once_and_is_replaced_by_what_was_charged(opener: Opener) -> None:
    """For every process on the store."""
    one, other = opener(), opener()
    reserve(one, "x", claim(amounts=Amounts(1, 100, 50, 7)))
    assert used(other) == Amounts(1, 100, 50, 7)
    assert settle(one, "x", Amounts(1, 10, 5, 1))
    assert used(other) == Amounts(1, 10, 5, 1)


def test_all_scopes_or_none(opener: Opener) -> None:
    """One that hasn't enough left keeps the others as they were."""
    store = opener()
    reserve(store, "x", claim("b", 1))
    result = reserve(store, "y", claim("a", 5), claim("b", 1), claim("c", 5))
    assert isinstance(result, Short)
    assert (result.claim.scope, result.kind, result.until) == ("b", "calls", None)
    assert used(store) == used(store, "c") == NOTHING


def test_a_call_is_settled_once(opener: Opener) -> None:
    """Whoever comes later changes nothing."""
    store = opener()
    reserve(store, "x", claim())
    assert settle(store, "x", CALL)
    assert not settle(store, "x", CALL)
    assert not settle(store, "never", CALL)
    assert used(store) == CALL


def test_a_debt_is_recorded_and_refuses_what_comes(opener: Opener) -> None:
    """More than was reserved, more than the limit: it all counts."""
    store = opener()
    limits = (None, 100, None, None)
    small = Claim("a", EVER, Amounts(1, 10), limits)
    reserve(store, "x", small)
    settle(store, "x", Amounts(1, 1000))
    assert used(store).tokens == 1000
    assert isinstance(reserve(store, "y", small), Short)
    assert not isinstance(reserve(store, "z", Claim("a", EVER, CALL, limits)), Short)


def test_what_is_returned_bounds_calls_at_a_time(opener: Opener) -> None:
    """And leaves nothing behind."""
    store = opener()
    one = Claim("a", EVER, CALL, (1, None, None, None), returned=True)
    reserve(store, "x", one)
    assert isinstance(reserve(store, "y", one), Short)
    asyncio.run(store.settle("x", {}))
    assert not isinstance(reserve(store, "y", one), Short)


def test_a_shadow_refuses_nothing_and_counts(opener: Opener) -> None:
    """Beyond its limit too."""
    store = opener()
    shadow = Claim("a", EVER, CALL, (1, None, None, None), enforced=False)
    for call in "xyz":
        assert not isinstance(reserve(store, call, shadow), Short)
    assert used(store).calls == 3


def test_windows_are_balances_of_their_own(opener: Opener) -> None:
    """A clock that is set back finds the earlier window as it was."""
    store = opener()
    limits = (1, None, None, None)
    early, late = (Claim("a", Span(at, at + 10), CALL, limits) for at in (10, 20))
    reserve(store, "x", early)
    assert not isinstance(reserve(store, "y", late), Short)
    short = reserve(store, "z", early)
    assert isinstance(short, Short)
    assert short.until == 20


def test_a_rate_lets_a_burst_pass_and_then_one_by_one(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the clock; one that is set back keeps nobody waiting longer than the rate does."""
    store, second = opener(), 10**9
    now = 1_000_000 * second
    monkeypatch.setattr(store, "now_ns", lambda: now, raising=False)
    paced = Claim("a", EVER, rate=Rate(second, 2))
    found = [reserve(store, f"x{at}", paced) for at in range(3)]
    assert [isinstance(each, Short) for each in found] == [False, False, True]
    assert isinstance(found[2], Short)
    assert found[2].until == now + second
    now += second
    assert not isinstance(reserve(store, "y", paced), Short)
    now -= 3600 * second
    short = reserve(store, "z", paced)
    assert isinstance(short, Short)
    assert short.until is not None
    assert short.until - now <= 2 * second


def test_a_run_is_over_when_its_time_is(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its first call on."""
    store = opener()
    now = 10**18
    monkeypatch.setattr(store, "now_ns", lambda: now, raising=False)
    run = Claim("a", EVER, CALL, lasts=60)
    reserve(store, "x", run)
    now += 60
    assert not isinstance(reserve(store, "y", run), Short)
    now += 1
    short = reserve(store, "z", run)
    assert isinstance(short, Short)
    assert short.kind == "minutes"


def test_adjusting_adds_and_takes_away(opener: Opener) -> None:
    """Where nothing was used yet, too."""
    store = opener()
    asyncio.run(store.adjust(Place("a", 0), None, Amounts(5)))
    assert asyncio.run(store.adjust(Place("a", 0), None, Amounts(-3))).used == Amounts(2)


def test_rebuilding_replaces_what_is_settled_and_leaves_what_goes_on(opener: Opener) -> None:
    """The calls that go on are told, to be left out."""
    store = opener()
    reserve(store, "done", claim("a"), claim("gone"))
    settle(store, "done", CALL, ("a", "gone"))
    reserve(store, "going", claim("a"))
    told: list[frozenset[str]] = []

    def read(without: object) -> list[Balance]:
        told.append(frozenset(without))  # type: ignore[call-overload]
        return [Balance(Place("a", 0), None, Amounts(7), NOTHING)]

    asyncio.run(store.rebuild(read))
    assert told == [{"going"}]
    assert (used(store), used(store, "gone")) == (Amounts(8), NOTHING)


TAGS = itertools.count()
# What two processes do: reserve for a call, or settle one of their own, in any order.
STEPS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["reserve", "settle", "release"]),
        st.integers(0, 5),
        st.integers(0, 3),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, limits=st.tuples(st.integers(0, 4), st.integers(0, 30)))
def test_no_interleaving_overspends(
    opener: Opener, steps: list[tuple[int, str, int, int]], limits: tuple[int, int]
) -> None:
    """Compared with a model that adds up: never more than each limit, and not one call too few."""
    stores = [opener(), opener()]
    tag = f"#{next(TAGS)}"
    scopes = [f"{name}{tag}" for name in "ab"]
    most = dict(zip(scopes, limits, strict=True))
    model = dict.fromkeys(scopes, 0)
    reserved: dict[str, tuple[list[str], int]] = {}
    for at, (process, action, which, amount) in enumerate(steps):
        chosen = scopes if which % 3 == 0 else [scopes[which % 2]]
        if action == "reserve":
            name = f"{at}{tag}"
            claims = [claim(scope, most[scope], Amounts(amount)) for scope in chosen]
            result = reserve(stores[process], name, *claims)
            fits = all(not amount or model[scope] + amount <= most[scope] for scope in chosen)
            assert isinstance(result, Short) != fits
            if fits:
                reserved[name] = (chosen, amount)
                for scope in chosen:
                    model[scope] += amount
        elif reserved:
            name = list(reserved)[which % len(reserved)]
            held, had = reserved.pop(name)
            charged = min(amount, had) if action == "settle" else 0
            settle(stores[process], name, Amounts(charged), held)
            for scope in held:
                model[scope] += charged - had
        for scope in scopes:
            assert used(stores[1 - process], scope).calls == model[scope] <= most[scope]
    for store in stores:
        store.close()


def test_the_books_equal_the_sum_of_many_calls_with_random_usage(opener: Opener, many: int) -> None:
    """In every kind, through two processes, with calls under way all the while."""
    stores, chance = [opener(), opener()], random.Random(7)
    total, open_calls = NOTHING, list[tuple[int, str]]()

    async def run() -> None:
        nonlocal total
        for at in range(many):
            process = at % 2
            expected = Amounts(1, *(chance.randrange(5000) for _ in range(3)))
            await stores[process].reserve(str(at), [claim(amounts=expected)])
            open_calls.append((process, str(at)))
            if len(open_calls) > 16:
                process, name = open_calls.pop(chance.randrange(len(open_calls)))
                charged = Amounts(1, *(chance.randrange(9000) for _ in range(3)))
                total = total.plus(charged)
                await stores[process].settle(name, {Place("a", 0): charged})
        for process, name in open_calls:
            total = total.plus(CALL)
            await stores[process].settle(name, {Place("a", 0): CALL})

    asyncio.run(run())
    (balance,) = asyncio.run(stores[0].balances())
    assert balance.settled == total
    assert balance.settled.calls == many
    assert balance.reserved == NOTHING


KILLED = """
import asyncio, sys, time
from pathlib import Path
from helm_boundary.budgets.amounts import Amounts
from helm_boundary.budgets.sqlite_store import SqliteStore
from helm_boundary.budgets.store import Claim
from helm_boundary.budgets.windows import EVER
store = SqliteStore(Path(sys.argv[1]))
claim = Claim("a", EVER, Amounts(calls=1))
asyncio.run(store.reserve("left", [claim]))
print("ready", flush=True)
at = 0
while True:
    asyncio.run(store.reserve(f"k{at}", [claim]))
    asyncio.run(store.settle(f"k{at}", {claim.place: Amounts(calls=1)}))
    at += 1
"""


def test_what_a_killed_process_reserved_is_found(tmp_path: Path) -> None:
    """As soon as it is gone, and not before; and the file is whole, whenever it was killed."""
    path = tmp_path / "budgets" / "books.sqlite"
    store = SqliteStore(path)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert asyncio.run(store.orphans()) == []
        time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
    left = {each.call for each in asyncio.run(store.orphans())}
    assert "left" in left
    assert len(left) <= 2
    for call in left:
        asyncio.run(store.settle(call, {}))
    (balance,) = asyncio.run(store.balances())
    assert balance.reserved == NOTHING
    store.close()


def test_a_store_that_is_locked_or_gone_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never an allowance."""
    monkeypatch.setattr("helm_boundary.budgets.sqlite_file._PATIENCE", 0.05)
    path = tmp_path / "books.sqlite"
    store = SqliteStore(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        reserve(store, "x", claim())
    other.execute("ROLLBACK")
    other.close()
    assert not isinstance(reserve(store, "x", claim()), Short)
    path.unlink()
    with pytest.raises(StoreError, match="gone"):
        reserve(store, "y", claim())
    store.close()


def test_nobody_else_may_read_the_balances(tmp_path: Path) -> None:
    """Neither the file nor what SQLite writes beside it."""
    store = SqliteStore(tmp_path / "budgets" / "books.sqlite")
    reserve(store, "x", claim())
    for file in (tmp_path / "budgets").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
    store.close()


def test_a_damaged_file_is_set_aside_and_made_again(tmp_path: Path) -> None:
    """Also where only some of its pages are; whoever looks into the damage finds it."""
    layout = Layout(tmp_path)
    store = open_store(layout)
    for at in range(300):
        reserve(store, str(at), claim(f"scope{at}"))
    store.close()
    file = books_file(layout)
    damaged = bytearray(file.read_bytes())
    damaged[4096 * 2 : 4096 * 4] = b"\xaa" * 8192
    file.write_bytes(damaged)
    again = open_store(layout)
    assert asyncio.run(again.balances()) == []
    assert (layout.quarantine / file.name).read_bytes() == damaged
    again.close()
