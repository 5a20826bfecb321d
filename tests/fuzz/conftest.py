"""How long streams are fuzzed, shared out between the dialects."""

from __future__ import annotations

import pytest

from fuzz import plain_run
from fuzz.campaign import Effort
from fuzz.shapes import SHAPES


@pytest.fixture
def effort(request: pytest.FixtureRequest) -> Effort:
    """Return one dialect's share of what the options ask for."""
    options = request.config.option
    seconds, tellings = options.fuzz_seconds or 0.0, options.fuzz_tellings
    if not seconds:
        tellings = tellings or plain_run.TELLINGS
    return Effort(
        options.fuzz_seed,
        seconds / len(SHAPES),
        None if tellings is None else -(-tellings // len(SHAPES)),
    )
