"""The opening keys of a state folder: the newest is in use, the deleted ones are erased."""

import os
from pathlib import Path

from helm_receipts.opening import SecretKey, load_or_create_secret


class Openings:
    """Gives the opening key in use, and notices when somebody erased it."""

    def __init__(self, keys: Path) -> None:
        self._keys = keys
        self._use(load_or_create_secret(keys, "opening"))

    def current(self) -> SecretKey:
        """The key to salt the next receipts with; a new one once the file is gone."""
        if not os.access(self._path, os.F_OK):
            self._use(load_or_create_secret(self._keys, "opening"))
        return self._key

    def _use(self, key: SecretKey) -> None:
        self._key = key
        self._path = str(self._keys / f"opening-{key.id}.key")
