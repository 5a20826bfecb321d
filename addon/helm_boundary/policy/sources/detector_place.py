"""The file and the line of a detector that something is wrong with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from helm_boundary.policy.errors import PolicyError

from .folder import DETECTOR_FILE

_NAMED = re.compile(r"detector (\S+): ")


def placed(error: PolicyError, folders: Sequence[Path]) -> PolicyError:
    """Return an error about a detector with the place that defines it, where a folder does."""
    found = _NAMED.match(str(error))
    for folder in reversed(folders if found else ()):
        file = folder / DETECTOR_FILE
        if found and file.is_file():
            for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1):
                if re.search(rf"\bname:\s*[\"']?{re.escape(found[1])}[\"']?\s*(?:,|\}}|#|$)", line):
                    return PolicyError(f"{file}:{number}: {error}")
    return error
