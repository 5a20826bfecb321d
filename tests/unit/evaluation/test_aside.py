"""Long work aside: the loop goes on meanwhile, and what is short isn't sent anywhere."""

from __future__ import annotations

import asyncio
import sys
import threading
import time

import orjson
import pytest

from helm_boundary.calls.call import Answer, Text
from helm_boundary.calls.refusal import Refusal, schema_violation
from helm_boundary.evaluation.aside import LONG, aside, weight
from helm_boundary.evaluation.document import Context, state_response

UNTOLD = {"id", "error_code", "service_tier"}
"""What is known of an answer for spans and bills, and is nothing for policy to judge by."""


def test_the_loop_goes_on_while_long_work_is_done() -> None:
    """Work in Python, which never gives the interpreter away by itself."""

    def work() -> int:
        until, count = time.thread_time() + 0.5, 0
        while time.thread_time() < until:
            count += 1
        return count

    async def turns() -> int:
        going, count = asyncio.ensure_future(aside(LONG + 1, work)), 0
        while not going.done():
            count += 1
            await asyncio.sleep(0)
        assert sys.getswitchinterval() == usual
        return count

    usual = sys.getswitchinterval()
    assert asyncio.run(turns()) > 50


def test_short_work_stays_on_its_thread() -> None:
    """A thread costs more than a small body."""
    here = threading.get_ident()
    assert asyncio.run(aside(LONG, threading.get_ident)) == here
    assert asyncio.run(aside(LONG + 1, threading.get_ident)) != here


@pytest.mark.parametrize("size", [0, LONG + 1])
def test_a_refusal_of_long_work_is_one(size: int) -> None:
    """What it raises comes to whoever asked."""

    def refuse() -> None:
        raise schema_violation("no")

    with pytest.raises(Refusal):
        asyncio.run(aside(size, refuse))
    assert sys.getswitchinterval() == pytest.approx(0.005)


def test_a_coded_body_weighs_what_it_may_become() -> None:
    """A few kilobytes of gzip are a megabyte."""
    assert weight(b"x" * 10, None) == weight(b"x" * 10, "Identity ") == 10
    assert weight(b"x" * LONG, "gzip") > LONG


@pytest.mark.parametrize("count", [0, 1, 256, 257, 1_000])
def test_a_document_is_the_same_however_long_its_lists_are(count: int) -> None:
    """Long lists are serialised in slices."""
    answer = Answer(200, texts=tuple(Text(f"/{n}", "assistant", "é") for n in range(count)))
    document = state_response(b'{"a":1', answer, [], Context(1, "f", "c"))
    told = orjson.loads(document)["response"]
    whole = orjson.loads(orjson.dumps(answer))
    assert told == {name: value for name, value in whole.items() if name not in UNTOLD}
