"""The accounts of one writer's calls: what each reserved of budgets, and what it was charged.

The rules that hold within one journal, whatever other writers did meanwhile:

1. What a request reserves is what lies between `before` and `after`, in every kind.
2. An outcome is charged in the scopes and windows in which its request reserved, in all of them.
   One that says nothing of budgets is charged what was reserved.
3. A balance that a person set is what it was and what was added.

Whether balances add up over all writers, `helm-boundary budgets recompute` says.
"""

from typing import Any

from helm_receipts.errors import Broken


class CallAccounts:
    """What calls that are open have reserved."""

    def __init__(self) -> None:
        self._open: dict[str, set[tuple[str, str]]] = {}

    def accept(self, place: object, predicate: dict[str, Any]) -> None:
        """Take a writer's next receipt; `Broken` where it breaks a rule."""
        lines, phase = predicate.get("budget"), predicate["phase"]
        if lines is None and phase != "outcome":  # nearly always
            return
        try:
            self._check(place, phase, predicate, lines)
        except (KeyError, TypeError, AttributeError) as error:
            raise Broken("malformed", place, f"a budget's line is wrong: {error!r}") from error

    def _check(self, place: object, phase: str, said: dict[str, Any], lines: Any) -> None:
        if phase == "request":
            for line in lines:
                _check_sum(place, line, "reserved")
                if any(amount < 0 for amount in line["reserved"].values()):
                    raise Broken("wrong-books", place, "a call reserved less than nothing")
            self._open[said["flow"]["id"]] = _places(lines)
        elif phase == "outcome":
            reserved = self._open.pop(said["flow"]["id"], None)
            if lines is not None and reserved is not None and _places(lines) != reserved:
                raise Broken(
                    "wrong-books", place, "the call was charged elsewhere than it reserved"
                )
            if any(amount < 0 for line in lines or () for amount in line["charged"].values()):
                raise Broken("wrong-books", place, "a call was charged less than nothing")
        elif phase == "budget":
            for line in lines:
                _check_sum(place, line, "charged")


def _places(lines: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(line["scope"], line["window"]) for line in lines}


def _check_sum(place: object, line: dict[str, Any], name: str) -> None:
    before, added, after = line["before"], line[name], line["after"]
    for kind in {*before, *added, *after}:
        expected = before.get(kind, 0) + added.get(kind, 0)
        if expected != after.get(kind, 0):
            scope = line["scope"]
            raise Broken("wrong-books", place, f"{scope}: {kind} after it should be {expected}")
