"""The calls of a whole folder: a call has one beginning and one end, whoever writes of it.

A writer's chain shows that its receipts follow each other, not that they tell one story. Whoever
has the receipt key could add a second request under a call's id, in another session or another
writer's journal, and close it with the contrary outcome. So an id is used up with its first
request. This is what verification keeps in memory for each call; all else is constant.
"""

from helm_receipts.errors import Broken


class Calls:
    """The ids of calls that any writer has opened so far."""

    def __init__(self) -> None:
        self._begun: set[str] = set()

    def __contains__(self, call: str) -> bool:
        """Tell whether the call has begun, here or in another journal."""
        return call in self._begun

    def begin(self, place: object, call: str) -> None:
        """Note a call's first request; `Broken` when the id was used before."""
        if call in self._begun:
            found = f"call {call} was opened before and isn't open here: an id is used once"
            raise Broken("second-request", place, found)
        self._begun.add(call)

    def refuse_end(self, place: object, call: str) -> Broken:
        """Say what is wrong with an outcome for a call that isn't open in this journal."""
        if call in self._begun:
            found = f"call {call} has its outcome already, or is open in another journal"
            return Broken("second-outcome", place, found)
        return Broken("no-request", place, f"an outcome for call {call}, which isn't open")
