"""The chain of one writer's receipts: what they must say about each other.

Feed a writer's receipts in order; the first one that doesn't follow from those before raises
`Broken` and says how. The rules:

1. The first receipt is number 1, says that a session started, and has no predecessor.
2. Numbers go up by one, and each receipt holds the hash of the envelope before it.
3. Each names the writer whose folder it is in.
4. Time doesn't go back, except where a session receipt says that the clock did. Honest clocks are
   set back, so that is no contradiction; it is told, because it can hide when something happened.
5. A call is opened by a request receipt, may have more of them (it was judged again) and tool
   call receipts, and is closed by exactly one outcome receipt. Its id isn't used again, by any
   writer.
6. No session starts or stops with a call open; what a crash left open is closed, with the end
   "killed", before the next session starts.

Memory is the calls that are open, and in `Calls` the ids of all.
"""

from typing import Any

from helm_receipts.errors import Broken

from .calls import Calls

# Session events after which the clock may read earlier than before.
_CLOCK_EVENTS = ("start", "clock")


class WriterChain:
    """The state between two receipts of one writer."""

    def __init__(self, writer: str, calls: Calls | None = None) -> None:
        self.writer = writer
        self.calls = calls or Calls()
        self.number = 0
        self.digest: str | None = None
        self.decided_at = ""
        self.stopped = True
        self.open_calls: dict[str, int] = {}
        self.set_back: list[str] = []
        """Where the clock went back, and by how much."""
        self.misses_begun = False
        """Whether calls may be open whose requests came before what is here."""

    @classmethod
    def midway(
        cls, writer: str, sequence: dict[str, Any], calls: Calls | None = None
    ) -> "WriterChain":
        """Make a chain whose beginning was pruned: rules 1, 5 and 6 hold from its next start on.

        `sequence` is that of the first receipt there is: its number and predecessor are believed.
        """
        chain = cls(writer, calls)
        chain.number = int(sequence["number"]) - 1
        chain.digest = sequence.get("previous", {}).get("sha256")
        chain.stopped, chain.misses_begun = False, True
        return chain

    def accept(self, place: object, digest: str, predicate: dict[str, Any]) -> None:
        """Take the next receipt, whose envelope has this SHA-256; `Broken` if it doesn't follow."""
        try:
            self.check_sequence(place, predicate["sequence"])
            self._check_time(place, predicate)
            self._check_call(place, predicate)
        except (KeyError, TypeError, AttributeError) as error:
            raise Broken("malformed", place, f"a member is missing or wrong: {error}") from error
        self.number += 1
        self.digest = digest
        self.decided_at = predicate["decidedAt"]

    def check_sequence(self, place: object, sequence: dict[str, Any]) -> None:
        """Apply rules 1 to 3 to the next receipt; `Broken` when it doesn't follow."""
        if sequence["writer"] != self.writer:
            told = f"a receipt of writer {sequence['writer']!r} in another's journal"
            raise Broken("swapped", place, told)
        expected, found = self.number + 1, sequence["number"]
        if type(found) is not int:  # true is 1 for Python
            raise Broken("malformed", place, f"a number that is {found!r}")
        if found != expected:
            kind = "dropped" if found > expected else "repeated"
            raise Broken(kind, place, f"expected receipt number {expected}, found {found}")
        previous = sequence.get("previous", {}).get("sha256")
        if previous != self.digest:
            told = f"receipt {found} follows {str(previous)[:16]}…, but the one before it hashes to"
            raise Broken("forked", place, f"{told} {str(self.digest)[:16]}…: history was replaced")

    def _check_time(self, place: object, predicate: dict[str, Any]) -> None:
        decided_at = predicate["decidedAt"]
        if decided_at >= self.decided_at:
            return
        if _event(predicate) not in _CLOCK_EVENTS:
            told = f"decided at {decided_at}, after one of {self.decided_at}"
            raise Broken("backdated", place, told)
        self.set_back.append(f"{place}: from {self.decided_at} to {decided_at}")

    def _check_call(self, place: object, predicate: dict[str, Any]) -> None:
        phase = predicate["phase"]
        if phase == "outcome":
            self._close_call(place, predicate["flow"]["id"])
            return
        if phase == "session":
            self._check_session(place, _event(predicate))
            return
        if self.stopped:
            raise Broken("no-session", place, f"a {phase} receipt outside of any session")
        if phase == "request":
            self._open_call(place, predicate["flow"]["id"])
        elif phase == "tool_call" and not (
            self.misses_begun or predicate["flow"]["id"] in self.open_calls
        ):
            raise Broken("no-request", place, f"call {predicate['flow']['id']} has no request")

    def _open_call(self, place: object, call: str) -> None:
        if call not in self.open_calls:
            self.calls.begin(place, call)
            self.open_calls[call] = self.number + 1

    def _close_call(self, place: object, call: str) -> None:
        if self.open_calls.pop(call, None) is not None:
            return
        if not self.misses_begun or call in self.calls:
            raise self.calls.refuse_end(place, call)
        self.calls.begin(place, call)

    def _check_session(self, place: object, event: str) -> None:
        if event in ("start", "stop") and self.open_calls:
            call = min(self.open_calls)
            raise Broken("missing-outcome", place, f"a session {event} while {call} is open")
        if event == "clock" and self.number:  # before a start, too: it was set back meanwhile
            return
        if event != "start" and self.stopped:
            raise Broken("no-session", place, f"a session that never started has event {event!r}")
        self.stopped = event == "stop"
        self.misses_begun = self.misses_begun and event not in ("start", "stop")


def _event(predicate: dict[str, Any]) -> str:
    if predicate["phase"] != "session":
        return ""
    return str(predicate["event"]["kind"])
