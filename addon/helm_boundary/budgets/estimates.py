"""Estimates of what a call will use, learnt from calls that have been settled.

The input is estimated from the body's size, by bytes a token, learnt for each dialect; and never
below what the same conversation had last, since agents resend everything. The output is bounded by
what the request says; a call seldom uses that up, so once enough calls of a model are known, what
nearly all of them stay below is reserved instead, unless the definition is `strict`.
"""

from __future__ import annotations

import hashlib
import math
from bisect import insort
from collections import OrderedDict, deque
from dataclasses import dataclass

from helm_boundary.calls.call import Call

from .usage import Used

BYTES_A_TOKEN = 4.0
"""Before anything is learnt: English prose; JSON around it makes up for other languages."""

UNKNOWN_OUTPUT = 4096
"""Output tokens of a call that bounds nothing, to a model of which nothing is known."""

MOST = 10_000_000
"""Tokens that one call is ever expected to use: a client may ask for any number."""

_LEARNING = 0.05
_LEAST = 20
"""Calls of a model from which on its usual output is believed."""
_KEPT = 200
_SHARE = 0.95
_MODELS = 500
_CONVERSATIONS = 2000
_OF_ATTACHMENT = 1500
"""Tokens of an image or another file that stands in the body."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens that a call is expected to use: its input, and the output usually and at most."""

    input: int
    output: int
    most: int
    size: int
    """The bytes that the input was estimated from."""
    conversation: bytes

    def used(self, *, strict: bool) -> Used:
        """Return it as if it had been used."""
        return Used(self.input, self.most if strict else self.output)


class Estimates:
    """What has been learnt of calls so far, by this process."""

    def __init__(self) -> None:
        self._ratios: dict[str, float] = {}
        self._outputs: OrderedDict[str, _Outputs] = OrderedDict()
        self._last: OrderedDict[bytes, tuple[int, int]] = OrderedDict()

    def estimate(self, call: Call, size: int, dialect: str, *, words: bool = True) -> Estimate:
        """Estimate a call whose body has so many bytes; `words` are what it may be answered in."""
        inline = [each for each in call.attachments if each.bytes]
        # In the body they are base64, four characters for three bytes.
        size = max(0, size - sum((each.bytes or 0) * 4 // 3 for each in inline))
        ratio = self._ratios.get(dialect, BYTES_A_TOKEN)
        tokens = int(size / ratio) + 1 + _OF_ATTACHMENT * len(call.attachments)
        conversation = _conversation(call)
        if (known := self._last.get(conversation)) is not None and size >= known[0]:
            tokens = max(tokens, known[1] + int((size - known[0]) / ratio))
        most = _bound(call)
        learnt = self._outputs.get(call.model or "")
        usual = learnt.usual() if learnt is not None else None
        times = _choices(call) * _prompts(call)
        unbound = UNKNOWN_OUTPUT if words else 0
        at_most = most if most is not None else max(usual or 0, unbound)
        at_most = min(at_most * times, MOST)
        output = at_most if usual is None else min(at_most, usual * times)
        return Estimate(tokens, output, at_most, size, conversation)

    def learn(self, estimate: Estimate, model: str | None, dialect: str, used: Used) -> None:
        """Learn from what a call used in the end."""
        if used.input > 0 and estimate.size > 0:
            seen = min(max(estimate.size / used.input, 0.5), 20.0)
            ratio = self._ratios.get(dialect, BYTES_A_TOKEN)
            self._ratios[dialect] = ratio + (seen - ratio) * _LEARNING
            _keep(self._last, estimate.conversation, (estimate.size, used.input), _CONVERSATIONS)
        if used.output == estimate.most:
            return  # its own limit cut it off, which says nothing of what others will use
        outputs = self._outputs.get(model or "") or _Outputs()
        outputs.add(used.output, used.reasoning)
        _keep(self._outputs, model or "", outputs, _MODELS)

    def reasoning(self, model: str | None) -> int:
        """Return how many tokens the model usually reasons with before it says anything."""
        learnt = self._outputs.get(model or "")
        return 0 if learnt is None else int(learnt.reasoning)

    def tokens(self, size: int, dialect: str) -> int:
        """Estimate the tokens of so many bytes of text."""
        return int(size / self._ratios.get(dialect, BYTES_A_TOKEN)) + 1 if size else 0


class _Outputs:
    """The output tokens of a model's last calls."""

    def __init__(self) -> None:
        self._order: deque[int] = deque()
        self._sorted: list[int] = []
        self.reasoning = 0.0
        """What the output had of that on average."""

    def add(self, tokens: int, reasoning: int) -> None:
        weight = max(_LEARNING, 1 / (len(self._order) + 1))
        self.reasoning += (min(reasoning, tokens) - self.reasoning) * weight
        self._order.append(tokens)
        insort(self._sorted, tokens)
        if len(self._order) > _KEPT:
            self._sorted.remove(self._order.popleft())

    def usual(self) -> int | None:
        """Return what nearly all calls stay below; None while too few are known."""
        known = len(self._sorted)
        return self._sorted[int(known * _SHARE)] + 1 if known >= _LEAST else None


def _bound(call: Call) -> int | None:
    return _whole(call.parameters.get("max_output_tokens"))


def _choices(call: Call) -> int:
    """Return how many answers are worked out, of which `best_of` may not all be sent."""
    best = call.body.get("best_of") if isinstance(call.body, dict) else None
    return max(1, _whole(call.parameters.get("n")) or 0, _whole(best) or 0)


def _prompts(call: Call) -> int:
    """Return how many prompts a completion has, each of which is answered by itself."""
    prompt = call.body.get("prompt") if isinstance(call.body, dict) else None
    return max(1, len(prompt)) if isinstance(prompt, list) else 1


def _whole(value: object) -> int | None:
    """Read a number as lenient servers do, `5.0` and `"5"` too; None where it is none."""
    if isinstance(value, int):
        value = min(int(value), MOST) if not isinstance(value, bool) else None
    try:
        found = float(value) if isinstance(value, int | float | str) else -1.0
    except ValueError:
        return None
    return min(math.ceil(found), MOST) if 0 <= found < math.inf else None


def _conversation(call: Call) -> bytes:
    """Name the conversation that a call goes on with, by how it begins."""
    begin = "\0".join((call.model or "", *(message.text[:2000] for message in call.messages[:3])))
    return hashlib.blake2b(begin.encode("utf-8", "replace"), digest_size=16).digest()


def _keep[K, V](kept: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
