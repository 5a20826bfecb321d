"""One stream through the gate, and whether the boundary's sentence held."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from helm_boundary.calls.call import Answer, ToolCall
from helm_boundary.policy.decision import ALLOW, DENY, Decision, Reason
from support.gates import END, Drive, open_gate

from .readers import Held, is_heard
from .shapes import Shape
from .spellings import views

type Calls = tuple[tuple[str, str], ...]
"""Names and arguments."""

_NO = Reason("POLICY_VIOLATION", "fuzz", "no", "ungranted")
_BAD = ("evil", "wipe")


@dataclass(frozen=True, slots=True)
class Passage:
    """What left, event by event, and how many calls policy had allowed when each did."""

    left: tuple[bytes, ...]
    allowed_before: tuple[int, ...]
    allowed: Calls
    judged: Calls
    is_stopped: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """A sentence that didn't hold; `kind` is the same for faults that are alike."""

    kind: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial."""

    faults: tuple[Fault, ...]
    is_stopped: bool
    is_denied: bool
    held: int
    """How many calls the readers held."""


def attempt(shape: Shape, raws: Sequence[bytes], rng: Random) -> Outcome:
    """Push a stream through the gate in two ways, and look at what left."""
    try:
        passage = _pass(shape, raws, 0)
        chunks = raws if shape.in_messages else _cut(rng, b"".join(raws))
        other = _pass(shape, chunks, rng.choice((0, 1, 2, 5, 100)))
    except Exception as error:
        at = error.__traceback__
        while at is not None and at.tb_next is not None:
            at = at.tb_next
        where = f"{type(error).__name__} in {at.tb_frame.f_code.co_qualname}" if at else ""
        return Outcome((Fault(f"raised {where}", str(error)),), False, False, 0)
    held = list(_held(shape, passage)) if passage.allowed or passage.left else []
    unheard = [_unheard(each) for each in held if not is_heard(each, _known(passage, each))]
    faults = [*_misplaced(raws, passage), *_differing(passage, other), *unheard]
    is_denied = passage.judged != passage.allowed
    return Outcome(tuple(faults), passage.is_stopped, is_denied, len(held))


def _pass(shape: Shape, chunks: Sequence[bytes], patience: int) -> Passage:
    judged: list[tuple[str, str]] = []
    allowed: list[tuple[str, str]] = []

    def judge(answer: Answer) -> Decision:
        calls = [(call.name, call.arguments_text) for call in answer.tool_calls]
        judged.extend(calls)
        if any(map(_is_bad, answer.tool_calls)):
            return Decision(DENY, (_NO,))
        allowed.extend(calls)
        return Decision(ALLOW, ())

    gate = open_gate(shape.dialect, asked=shape.asked)
    drive = Drive(gate, judge, patience=patience)
    pieces = [(piece, len(allowed)) for piece in drive.pieces(chunks)]
    left, before = (tuple(column) for column in zip(*pieces, strict=True)) if pieces else ((), ())
    return Passage(left, before, tuple(allowed), tuple(judged), gate.stopped is not None)


def _is_bad(call: ToolCall) -> bool:
    """Decide as the default policy: what is bad, and a function's call that can't be read."""
    said = call.arguments_text
    is_unreadable = not call.valid_json and said.strip() != "" and call.type != "custom"
    return is_unreadable or any(word in call.name + said for word in _BAD)


def _held(shape: Shape, passage: Passage) -> Iterator[Held]:
    events = passage.left[:-1] if passage.is_stopped else passage.left
    for name, view in views(events, in_messages=shape.in_messages).items():
        for held in shape.read(view):
            yield replace(held, reader=f"{held.reader}, {name}") if name else held


def _known(passage: Passage, held: Held) -> Calls:
    return passage.allowed[: passage.allowed_before[held.at]]


def _unheard(held: Held) -> Fault:
    detail = f"{held.name}({held.arguments!r}) after event {held.at}"
    return Fault(f"unjudged: {held.reader}", detail)


def _misplaced(raws: Sequence[bytes], passage: Passage) -> Iterator[Fault]:
    """Check that what left is the upstream's first events, and an error event where it stopped."""
    events = passage.left[:-1] if passage.is_stopped else passage.left
    if passage.is_stopped and passage.left[-1:] != (END,):
        yield Fault("stopped without an error event")
    if END in events:
        yield Fault("an error event in the middle")
    whole = tuple(itertools.accumulate(raws, initial=b""))
    if b"".join(events) not in whole[0 if passage.is_stopped else -1 :]:
        yield Fault("what left is no prefix in whole events")


def _differing(one: Passage, other: Passage) -> Iterator[Fault]:
    if b"".join(one.left) != b"".join(other.left):
        yield Fault("other bytes in other chunks")
    if one.judged != other.judged:
        yield Fault("other judgements in other chunks")


def _cut(rng: Random, stream: bytes) -> list[bytes]:
    size = rng.choice((20, 200, 2000))
    cuts = sorted(rng.sample(range(len(stream)), min(len(stream) // size, len(stream))))
    return [stream[a:b] for a, b in itertools.pairwise([0, *cuts, len(stream)]) if a < b]
