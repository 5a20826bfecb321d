"""Events that tell part of a tool call's item: deltas, what they became, and how it goes on.

Source: `ResponseStreamEvent` in OpenAI's description.
"""

from __future__ import annotations

from helm_boundary.calls.call import Json, Text
from helm_boundary.calls.refusal import schema_violation
from helm_boundary.streaming.ledger import Ids, Ledger, Place

from .answer_members import RESPONSES_PART
from .json_shape import index_of, name_of, names_of, text_of
from .responses_items import carries_tool_call, texts_of

_NAMES = ("name", "namespace", "server_label")
_SPEAKING = frozenset({"arguments", "delta", "input"})


def place_of(value: dict[str, Json], item: dict[str, Json]) -> Place:
    """Where the item stands that an event speaks of: its index, else its id.

    Raises:
        Refusal: neither is given.
    """
    if value.get("output_index") is not None:
        return index_of(value["output_index"], "an event")
    place = text_of(item.get("id")) or text_of(value.get("item_id"))
    if not place:
        raise schema_violation("an event has no usable index")
    return place


def index_path(value: dict[str, Json]) -> str:
    """Which item and part an event speaks of, as part of a pointer."""
    part = value.get("content_index", value.get("summary_index", 0))
    response, item = value.get("response_id"), value.get("output_index", value.get("item_id", 0))
    own = f"{response}/{item}" if response else f"{item}"
    return f"{own}/content/{part}"


def is_part(kind: str) -> bool:
    """Tell whether events of that type tell part of a call, rather than of what it gave back."""
    stem = kind.partition(".")[2]
    return "_call" in stem and "_call_output" not in stem


def read_part(ledger: Ledger, place: Place, kind: str, value: dict[str, Json]) -> list[Text]:
    """Take an event of a tool call into the ledger; returns what else it says.

    Raises:
        Refusal: the call never began, or the event tells it otherwise.
    """
    member = kind.split(".")[1].rpartition("_call_")[2]
    index = value.get("command_index")
    part = member if index is None else f"{member}/{index}"
    ids = part_ids(value)
    rest = RESPONSES_PART.others(value)
    names = names_of(value, _NAMES)
    if names.get("name") and kind.startswith("response.function_call_"):
        names["type"] = "function_call"  # with its name, the event is a whole call to some clients
    words, delta = _words(rest, member), _words(rest, "delta")
    if kind.endswith(".delta"):
        ledger.grow(place, ids, part, delta)
    elif kind.endswith(".added"):
        ledger.open_part(place, ids, words)
        words = ""
    ledger.finish_part(place, ids, part, words, names)
    if not rest.keys().isdisjoint(_SPEAKING) or carries_tool_call([*rest.values()]):
        raise schema_violation("the stream tells part of a tool call where none belongs")
    return texts_of(rest, f"/output/{place}")


def part_ids(value: dict[str, Json]) -> Ids:
    """List the ids by which an event names its call, its index as well."""
    call_id, at = name_of(value, "call_id"), value.get("output_index")
    return (
        name_of(value, "item_id"),
        f"call {call_id}" if call_id else "",
        "" if at is None else f"index {at}",
    )


def _words(rest: dict[str, Json], member: str) -> str:
    """Take a member's text out of an event of a call; Refusal where it is something else."""
    words = rest.pop(member, None)
    if words is None:
        return ""
    if not isinstance(words, str):
        raise schema_violation("the stream tells part of a tool call as something else than text")
    return words
