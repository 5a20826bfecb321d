"""Scopes: what a call counts in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from helm_boundary.budgets.definition_data import read_definitions
from helm_boundary.budgets.scopes import Caller, groups_of, scopes_of

CALLER = Caller("alice", "abc", "10.0.0.1", ("gpt-5-mini",), "api.openai.com:443", "createChat")


def scopes(caller: Caller = CALLER, **members: Any) -> tuple[str, ...]:
    """Return the scopes of a call in a budget of these members."""
    groups: dict[str, Any] = {name: {} for name in members.get("match", {}).get("groups", ())}
    budget = {"limit": {"calls": 1}, **members}
    (definition,) = read_definitions({"budgets": {"b": budget}, "groups": groups})
    return scopes_of(definition, caller)


@pytest.mark.parametrize(
    ("per", "expected"),
    [
        ([], ("b",)),
        (["principal"], ("b:principal=alice",)),
        (["model", "key"], ("b:key=abc,model=gpt-5-mini",)),
        (["address"], ("b:address=10.0.0.1",)),
        (["host"], ("b:host=api.openai.com:443",)),
        (["operation"], ("b:operation=createChat",)),
    ],
)
def test_what_is_told_apart(per: list[str], expected: tuple[str, ...]) -> None:
    """In one order, however data lists it."""
    assert scopes(per=per) == expected


def test_those_without_a_name_share_one() -> None:
    """Else whoever doesn't sign in would spend without end."""
    assert scopes(replace(CALLER, principal=None), per=["principal"]) == ("b:principal=-",)


def test_a_call_of_no_session_or_group_is_not_counted_by_it() -> None:
    """And one in two groups in both."""
    assert scopes(per=["session"]) == ()
    assert scopes(per=["group"]) == ()
    both = replace(CALLER, groups=("red", "blue"), session="s 1")
    assert scopes(both, per=["group"]) == ("b:group=red", "b:group=blue")
    assert scopes(both, per=["session"]) == ("b:session=s%201",)


def test_a_servers_tools_are_counted_apart_from_models() -> None:
    """By definitions that name servers, and by no others."""
    tool = replace(CALLER, models=(), server="github")
    assert scopes(tool, per=["server"]) == ("b:server=github",)
    assert scopes(tool, match={"servers": ["git*"]}) == ("b",)
    assert scopes(tool, match={"servers": ["jira"]}) == scopes(tool) == ()
    assert scopes(per=["server"]) == scopes(match={"servers": ["github"]}) == ()


def test_a_call_that_may_run_two_models_counts_in_both() -> None:
    """Naming a cheap one first isn't a way around the other's budget."""
    two = replace(CALLER, models=("a", "b"))
    assert scopes(two, per=["model"]) == ("b:model=a", "b:model=b")
    assert scopes(two, match={"models": ["b"]}) == ("b",)


@pytest.mark.parametrize(
    ("match", "counts"),
    [
        ({"models": ["gpt-5*"]}, True),
        ({"models": ["gpt-5"]}, False),
        ({"principals": ["bob", "alice"], "models": ["gpt*"]}, True),
        ({"principals": ["bob"], "models": ["gpt*"]}, False),
        ({"hosts": ["api.openai.com:*"]}, True),
        ({"operations": ["createChat"]}, True),
        ({"groups": ["red"]}, False),
        ({"principals": []}, False),
    ],
)
def test_what_a_definition_is_about(match: dict[str, list[str]], counts: bool) -> None:
    """Every list must have the call's own."""
    assert bool(scopes(match=match)) is counts


def test_a_value_can_not_make_up_another_scope() -> None:
    """Whatever a client calls its model or session."""
    odd = replace(CALLER, models=("x,key=stolen",), key=None)
    assert scopes(odd, per=["key", "model"]) == ("b:key=-,model=x%2Ckey%3Dstolen",)
    long = replace(CALLER, models=("m" * 5000,))
    assert len(scopes(long, per=["model"])[0]) < 100


def test_groups_are_those_that_data_puts_the_caller_in() -> None:
    """By principal or by key."""
    groups = {"a": {"principals": ["alice"]}, "b": {"keys": ["abc"]}, "c": {}}
    assert groups_of(groups, "alice", "abc") == ("a", "b")
    assert groups_of(groups, None, None) == ()


def test_one_more_credential_makes_no_other_caller() -> None:
    """A header that the provider doesn't read is no way out of a key's budget."""
    two = replace(CALLER, key="abc-and-x", keys=("abc", "x"))
    assert scopes(two, per=["key"]) == ("b:key=abc", "b:key=x")
    assert scopes(two, match={"keys": ["abc"]}) == ("b",)
    assert groups_of({"red": {"keys": ["abc"]}}, None, two.key, *two.keys) == ("red",)


def test_a_model_in_other_letters_is_the_same() -> None:
    """Some providers serve it as well."""
    loud = replace(CALLER, models=("GPT-5-Mini",))
    assert scopes(loud, match={"models": ["gpt-5*"]}, per=["model"]) == scopes(per=["model"])
