"""Whether a terminal controls this process."""

from __future__ import annotations

import os


def has_terminal() -> bool:
    """Tell whether there is a terminal that controls this process; one that hung up isn't there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
