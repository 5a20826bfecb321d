"""Estimates: how much output a request may bring, in whatever words it asks for it."""

from __future__ import annotations

from typing import Any

import pytest

from helm_boundary.budgets.estimates import MOST, UNKNOWN_OUTPUT, Estimates
from helm_boundary.budgets.usage import Used
from helm_boundary.dialects import chat, completions

ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def most(**members: Any) -> int:
    """Return the output that a chat with these members is reserved under a strict budget."""
    return Estimates().estimate(chat.read_request({**ASKED, **members}), 100, "chat").most


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"max_tokens": 7}, 7),
        ({"max_tokens": 7.0}, 7),
        ({"max_tokens": "7"}, 7),
        ({"max_tokens": 9000, "max_completion_tokens": None}, 9000),
        ({"max_tokens": 9000, "max_completion_tokens": 1}, 9000),
        ({"max_tokens": 1, "max_completion_tokens": 9000}, 9000),
        ({"max_tokens": 10**400}, MOST),
        ({"max_tokens": -1}, UNKNOWN_OUTPUT),
        ({"max_tokens": True}, UNKNOWN_OUTPUT),
        ({"max_tokens": 7, "n": 3}, 21),
        ({"max_tokens": 7, "n": 3.0}, 21),
        ({"max_tokens": 7, "n": 200}, 1400),
        ({"max_tokens": 7, "n": -4}, 7),
        ({"max_tokens": 7, "n": 2, "best_of": 5}, 35),
    ],
)
def test_the_most_that_a_chat_may_bring(members: dict[str, Any], expected: int) -> None:
    """A server that takes a number in another spelling follows it."""
    assert most(**members) == expected


def test_each_prompt_of_a_completion_is_answered() -> None:
    """By as many tokens as the limit says, each."""
    body: dict[str, Any] = {"model": "m", "prompt": ["a", "b", "c"], "max_tokens": 50, "n": 2}
    assert Estimates().estimate(completions.read_request(body), 100, "completions").most == 300


def test_many_choices_are_not_expected_to_be_as_short_as_one() -> None:
    """What calls usually bring is multiplied as well."""
    learnt = Estimates()
    one = chat.read_request({**ASKED, "max_tokens": 1000})
    for _ in range(20):
        learnt.learn(learnt.estimate(one, 100, "chat"), "m", "chat", Used(25, 9))
    assert learnt.estimate(one, 100, "chat").output == 10
    several = chat.read_request({**ASKED, "max_tokens": 1000, "n": 100})
    assert learnt.estimate(several, 100, "chat").output == 1000


def test_nothing_is_learnt_of_answers_that_their_own_limit_cut_off() -> None:
    """Else many calls for a token each would let as many large ones pass at once."""
    learnt = Estimates()
    small, large = (chat.read_request({**ASKED, "max_tokens": most}) for most in (1, 100_000))
    for _ in range(50):
        learnt.learn(learnt.estimate(small, 100, "chat"), "m", "chat", Used(25, 1))
    assert learnt.estimate(large, 100, "chat").output == 100_000
