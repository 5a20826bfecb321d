"""Streams that tell calls in every way there is: whatever a client would run was judged."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from random import Random

import pytest

from fuzz.campaign import Campaign, Effort
from fuzz.client_streams import OTHERWISE, client_streams, told_calls
from fuzz.shapes import SHAPES, Shape
from fuzz.spellings import encode
from fuzz.tellings import Call, Place
from fuzz.trial import attempt

type Property = Callable[[str, object], None]


@pytest.mark.parametrize("name", SHAPES)
def test_whatever_a_client_would_run_was_judged(
    name: str, effort: Effort, record_property: Property
) -> None:
    """And an honest stream leaves byte for byte, wherever its chunks fall."""
    campaign = Campaign(SHAPES[name], effort.seed)
    campaign.run(effort)
    record_property("fuzz", f"{name}: {campaign.figures()}")
    assert not campaign.found, campaign.report()
    assert campaign.honest
    assert campaign.held or name == "completions"


def pairs() -> Iterator[tuple[str, Place, Place]]:
    """Yield every two places of a dialect."""
    for shape in SHAPES.values():
        for one, other in itertools.permutations(shape.manner.places, 2):
            yield shape.name, one, other


@pytest.mark.parametrize(("name", "one", "other"), [*pairs()])
def test_a_call_told_in_two_places(name: str, one: Place, other: Place) -> None:
    """What either place tells was judged before it left; where both agree, it passes."""
    shape = SHAPES[name]
    for call in told_calls(shape, one, other):
        if not {one, other} & shape.manner.odd:
            assert passes(shape, call), call
        for what, change in OTHERWISE.items():
            told = change(call.tells(other))
            passes(shape, call.retold(other, told), f"{other}: {what}")


def passes(shape: Shape, call: Call, what: str = "as it is") -> bool:
    """Tell whether a stream with that call leaves whole; nothing of it may leave unjudged."""
    events = shape.manner.write([call], Random(0))
    raws = encode(events, Random(0), in_messages=shape.in_messages, is_named=shape.is_named)
    outcome = attempt(shape, raws, Random(0))
    assert not outcome.faults, (what, outcome.faults, raws)
    return not outcome.is_stopped


@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
def test_a_stream_that_real_clients_read_otherwise(dialect: str) -> None:
    """Whatever one of them would run was judged; what is honest passes."""
    for stream in client_streams(dialect):
        outcome = attempt(SHAPES[dialect], stream.raws, Random(0))
        assert not outcome.faults, (stream.what, outcome.faults)
        assert not (stream.is_honest and outcome.is_stopped), stream.what
