"""How long streams are fuzzed, shared out between the dialects."""

from __future__ import annotations

import pytest

from fuzz.campaign import Effort
from fuzz.shapes import SHAPES


@pytest.fixture
def effort(request: pytest.FixtureRequest) -> Effort:
    """Return one dialect's share of what the options ask for."""
    options = request.config.option
    tellings = options.fuzz_tellings
    return Effort(
        options.fuzz_seed,
        options.fuzz_seconds / len(SHAPES),
        None if tellings is None else -(-tellings // len(SHAPES)),
    )
