"""Keys that a state folder is known by, kept outside of it.

A key that is in a folder shows that the folder is consistent, not whose it is: whoever can
replace receipts can replace the key beside them. A pin is a note of the keys in another place, by
the folder's path and by its log's name, so that another folder under the same path is noticed,
and a copy under another path is known.

    <pins>/<hash of the path>.json      {"folder", "pins": [{"log", "origin", "receipt", "since"}]}

The last pin of a file counts for its path; those before it are for copies of what was there once.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helm_receipts.envelope import checkpoint as notes
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey, public_key
from helm_receipts.errors import KeyRefused, PinRefused, ProofRefused
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import PublishedKeys
from helm_receipts.storage import durable


@dataclass(frozen=True, slots=True)
class Pin:
    """Keys that were noted, oldest first, and when; either kind may be missing."""

    origin: str
    receipt: tuple[PublicKey, ...]
    log: tuple[LogKey, ...]
    since: str

    def knows(self, published: PublishedKeys) -> bool:
        """Tell whether the keys in use are the last pinned ones, as far as any are pinned."""
        return (not self.receipt or published.receipt[-1].key == self.receipt[-1]) and (
            not self.log or published.log[-1].key == self.log[-1]
        )

    def contradicts(self, published: PublishedKeys) -> bool:
        """Tell whether a folder never had a key that was pinned: rotations only ever add keys."""
        receipt = {known.key for known in published.receipt}
        log = {known.key for known in published.log}
        return bool(
            (self.receipt and receipt.isdisjoint(self.receipt))
            or (self.log and log.isdisjoint(self.log))
        )


class Pins:
    """A folder of pins. `PinRefused` when what is in it can't be relied upon."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, layout: Layout) -> Pin | None:
        """Find the pin of a state folder: that of its path, else one of its log's name."""
        return self.of_path(layout) or self.of_name(layout)

    def of_path(self, layout: Layout) -> Pin | None:
        """Find the last pin of a state folder's path."""
        if self._useless(layout):
            return None
        here = self._read(self._path(layout))
        return here[-1] if here else None

    def of_name(self, layout: Layout) -> Pin | None:
        """Find the last pin of a log of this name, wherever its folder was."""
        names = set() if self._useless(layout) else set(_names(layout))
        found = [pin for path in self._files() for pin in self._read(path) if pin.origin in names]
        return max(found, key=lambda pin: pin.since, default=None)

    def keep(self, layout: Layout, pin: Pin) -> None:
        """Make this the pin of a state folder's path.

        Raises:
            OSError: the pin can't be written.
            PinRefused: a pin there would show nothing.
        """
        if useless := self._useless(layout):
            raise PinRefused(useless)
        durable.make_folder(self.folder)
        path = self._path(layout)
        value = {
            "folder": str(layout.state.resolve()),
            "pins": [_described(each) for each in (*self._read(path), pin)],
        }
        durable.replace_file(path, json.dumps(value, indent=2).encode() + b"\n", 0o600)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []

    def _path(self, layout: Layout) -> Path:
        place = str(layout.state.resolve()).encode()
        return self.folder / f"{hashlib.sha256(place).hexdigest()[:32]}.json"

    def _read(self, path: Path) -> list[Pin]:
        if not path.exists():
            return []
        for each in (self.folder, path):
            _refuse_writable(each)
        try:
            return [_pin(value) for value in json.loads(path.read_bytes())["pins"]]
        except (OSError, ValueError, KeyError, TypeError, KeyRefused) as error:
            raise PinRefused(
                f"expected pinned keys in {path}, found {error}; remove it and pin them again"
            ) from error

    def _useless(self, layout: Layout) -> str:
        """Say why nothing can be pinned here; empty where it can."""
        if not self.folder.is_absolute():
            return "there is no folder to pin keys in: set HELM_PINS to one"
        if self.folder.resolve().is_relative_to(layout.state.resolve()):
            return (
                f"{self.folder} is in the state folder itself, where a pinned key shows nothing; "
                "set HELM_PINS to a folder elsewhere"
            )
        return ""


def _names(layout: Layout) -> Iterator[str]:
    """List the names that a folder gives its log: they only choose which pin counts for it."""
    with suppress(OSError, ValueError):
        yield layout.origin.read_text("ascii").strip()
    with suppress(OSError, ProofRefused):
        yield notes.parse_checkpoint((layout.log / "checkpoint").read_bytes()).origin


def _refuse_writable(path: Path) -> None:
    """Refuse a pin that others can write, and what would wait for its other end when opened."""
    status = path.stat()
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise PinRefused(f"expected a plain file at {path}, found something else; remove it")
    others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if others or (os.geteuid() and status.st_uid not in (0, os.geteuid())):
        raise PinRefused(
            f"expected {path} to be writable by its user only, found mode "
            f"{stat.S_IMODE(status.st_mode):04o} and owner {status.st_uid}; look whether what is "
            f"in it is yours, then run `chmod go-w {path}`"
        )


def _described(pin: Pin) -> dict[str, Any]:
    return {
        "log": [key.vkey for key in pin.log],
        "origin": pin.origin,
        "receipt": [key.raw.hex() for key in pin.receipt],
        "since": pin.since,
    }


def _pin(value: dict[str, Any]) -> Pin:
    receipt = tuple(public_key(bytes.fromhex(raw)) for raw in value["receipt"])
    log = tuple(LogKey.parse(vkey) for vkey in value["log"])
    if not (receipt or log):
        raise ValueError("there is no key in it")
    return Pin(str(value["origin"]), receipt, log, str(value["since"]))
