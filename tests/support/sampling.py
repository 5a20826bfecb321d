"""Many cases of one kind, of which a bounded run tries some, and `--slow` each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def every(step: int, cases: Iterable[Any]) -> list[Any]:
    """Return cases for `parametrize`, all but each `step`th of which are marked slow.

    For kinds whose every case starts a process, or works for seconds, where what differs between
    the cases is tested by unit tests as well.
    """
    return [
        case if at % step == 0 else pytest.param(case, marks=pytest.mark.slow)
        for at, case in enumerate(cases)
    ]
