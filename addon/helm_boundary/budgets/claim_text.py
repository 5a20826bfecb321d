"""What a call has reserved, as the stores keep it: JSON of scope, window and amounts."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from .amounts import Amounts
from .store import Claim, Place


def write_claims(claims: Iterable[Claim]) -> str:
    """Write what claims reserve."""
    return orjson.dumps([[*each.place, *each.amounts] for each in claims]).decode()


def read_claims(text: str) -> dict[Place, Amounts]:
    """Read what was reserved of each balance."""
    return {Place(each[0], each[1]): Amounts(*each[2:]) for each in orjson.loads(text)}
