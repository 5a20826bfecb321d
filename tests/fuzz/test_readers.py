"""The fuzzer's readers: they hold the calls that they ought to, as each parser reads them."""

from __future__ import annotations

from random import Random

import pytest

from fuzz.readers import Held, is_heard
from fuzz.shapes import SHAPES
from fuzz.spellings import encode, views
from fuzz.tellings import Call, Told

READERS = {
    "bedrock": {"by index", "one at a time"},
    "cohere": {"by index", "one at a time"},
    "conversations": {"by call", "by entry"},
    "dashscope": {"added up"},
    "gemini": {"functionCall"},
    "interactions": {"by index", "one at a time"},
    "ollama": {"a line"},
    "chat": {"deltas by position", "deltas by the last", "deltas by id"},
    "messages": {"start", "deltas by index", "deltas by order"},
    "realtime": {"start item", "done item", "final", "deltas by call", "done by call"},
    "responses": {"start item", "done item", "final", "deltas by index", "done by item"},
}


@pytest.mark.parametrize("dialect", READERS)
def test_every_reader_holds_what_an_honest_stream_tells(dialect: str) -> None:
    """Its name, and its arguments where it has a place for them."""
    shape = SHAPES[dialect]
    call = Call(0, shape.manner.kinds[0], "look", '{"p": "a"}', silent=shape.manner.odd)
    raws = encode(
        shape.manner.write([call], Random(0)),
        Random(0),
        in_messages=shape.in_messages,
        is_named=shape.is_named,
    )
    held = list(shape.read(views(raws, in_messages=shape.in_messages)[""]))
    assert {each.reader for each in held} >= READERS[dialect]
    assert all(is_heard(each, [("look", '{"p":"a"}')]) for each in held)
    assert not any(is_heard(each, [("move", '{"p":"a"}')]) for each in held)
    full = [each for each in held if each.reader in READERS[dialect] and "start" not in each.reader]
    assert full
    assert not any(is_heard(each, [("look", '{"p":"b"}')]) for each in full)


def test_another_call_in_one_place_is_seen_by_a_reader() -> None:
    """Whichever place that is."""
    for shape in SHAPES.values():
        for place in shape.manner.places:
            call = Call(0, shape.manner.kinds[0], "look", '{"p": "a"}', silent=shape.manner.odd)
            call = call.retold(place, Told("other", '{"p": "z"}'))
            events = shape.manner.write([call], Random(0))
            raws = encode(events, Random(0), in_messages=shape.in_messages, is_named=shape.is_named)
            held = shape.read(views(raws, in_messages=shape.in_messages)[""])
            assert not all(is_heard(each, [("look", call.arguments)]) for each in held), place


@pytest.mark.parametrize(
    ("written", "names"),
    [
        (b'{"name": "a", "name": "b"}', {"": "b", "first member": "a", "any letters": "b"}),
        (b'{"name": "a", "Name": "b"}', {"": "a", "first member": "a", "any letters": "b"}),
        (b'{"name": "a", "NAME": null}', {"": "a", "first member": "a", "any letters": "a"}),
        (b'{"name": "a"}', {"": "a"}),
    ],
)
def test_a_member_is_read_as_each_parser_reads_it(written: bytes, names: dict[str, str]) -> None:
    """The last of two, the first, or in any letters."""
    found = views([written], in_messages=True)
    assert {view: events[0]["name"] for view, events in found.items()} == names


def test_arguments_are_compared_as_what_they_say() -> None:
    """Spelt otherwise they are the same; true is no 1, and a text of its own is itself only."""
    told = [("look", '{"n": 1.0, "p": "a"}')]
    assert is_heard(Held("", 0, "look", {"p": "a", "n": 1}), told)
    assert not is_heard(Held("", 0, "look", {"p": "a", "n": True}), told)
    assert not is_heard(Held("", 0, "look", '{"p": "a", "n": 1}', "text"), told)
    assert is_heard(Held("", 0, "look", "{}"), told)
    assert not is_heard(Held("", 0, "move", "{}"), told)
