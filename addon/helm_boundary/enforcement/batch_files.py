"""Batches by file: what a file's calls are expected to use, remembered until a batch is made of it.

A provider works on a batch hours later, and tells only how many lines it has. So its calls are
counted when the file is uploaded, and charged each time that a batch is made of the file.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from helm_boundary.budgets.estimates import Estimate
from helm_boundary.budgets.store import FILE_FACT, Store
from helm_boundary.calls.call import Call

from .exchange import Exchange

UPLOAD: Final = "createFile"
CREATE: Final = "createBatch"
_CREATED = range(200, 300)


@dataclass(frozen=True, slots=True)
class BatchFile:
    """What the calls in a file are expected to use together, in tokens, and which models run."""

    models: tuple[str, ...]
    calls: int
    input: int
    output: int
    most: int

    @property
    def estimate(self) -> Estimate:
        """The same as the estimate of one call, from which nothing is learnt."""
        return Estimate(self.input, self.output, self.most, 0, b"")


def file_of(calls: Sequence[Call], estimates: Sequence[Estimate]) -> BatchFile:
    """Add up what a file's calls are expected to use."""
    named = [model for call in calls for model in (call.model, *call.models) if model]
    return BatchFile(
        tuple(dict.fromkeys(named)),
        len(calls),
        sum(each.input for each in estimates),
        sum(each.output for each in estimates),
        sum(each.most for each in estimates),
    )


async def remember(store: Store, exchange: Exchange, file: BatchFile) -> None:
    """Remember what is in a file that was uploaded; raises StoreError."""
    answer = exchange.progress.answer
    if answer is None or not answer.id or exchange.progress.status not in _CREATED:
        return
    told = json.dumps({"at": time.time_ns(), **asdict(file)})
    await store.note(_fact(exchange, answer.id), told)


async def recall(store: Store, exchange: Exchange) -> BatchFile | None:
    """Return what is in the file that a batch is made of; None for another's. Raises StoreError."""
    body = exchange.progress.call.body
    named = body.get("input_file_id") if isinstance(body, dict) else None
    if not isinstance(named, str) or (told := await store.fact(_fact(exchange, named))) is None:
        return None
    value = json.loads(told)
    del value["at"]
    return BatchFile(**{**value, "models": tuple(value["models"])})


def _fact(exchange: Exchange, file: str) -> str:
    request = exchange.request
    named = f"{request.host}:{request.port}\0{file}".encode("utf-8", "surrogatepass")
    return FILE_FACT + hashlib.sha256(named).hexdigest()[:32]
