"""What a call has reserved, as the stores keep it: JSON of scope, window and amounts."""

from __future__ import annotations

import json
from collections.abc import Iterable

from .amounts import Amounts
from .store import Claim, Place

_encode = json.JSONEncoder(separators=(",", ":")).encode


def write_claims(claims: Iterable[Claim]) -> str:
    """Write what claims reserve."""
    return _encode([[*each.place, *each.amounts] for each in claims])


def read_claims(text: str) -> dict[Place, Amounts]:
    """Read what was reserved of each balance."""
    return {Place(each[0], each[1]): Amounts(*each[2:]) for each in json.loads(text)}
