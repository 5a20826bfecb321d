"""Turns of large uploads: so many bytes are read at full speed, the rest waits where it comes from.

An upload has a key: a client's id, where that sends one after the other, or a stream's of HTTP/2.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field

LARGE = 1 << 20
"""Bytes of a body that takes its turn."""
AT_ONCE = 40 << 20
"""Bytes of bodies read at full speed; each takes three times as much while it is judged."""
STEP = 2.0
"""Seconds between two pieces of an upload that waits: clients give up one that doesn't go on."""
_SLOW = 3.0
"""Seconds after which only what has come of an upload counts: its client is slow, or we are."""
_LONGEST = 30.0
"""Seconds after which an upload waits no longer, however slow those before it are."""
_PIECE = 1 << 16
"""Bytes that mitmproxy reads of a connection at a time, at most."""
_LET_GO = 0.04
"""Seconds after its end when an upload has left memory."""


@dataclass(slots=True)
class _Upload:
    size: int
    began: float = field(default_factory=time.monotonic)
    admitted: asyncio.Event = field(default_factory=asyncio.Event)
    came: int = 0
    is_whole: bool = False

    @property
    def taken(self) -> int:
        """The bytes that it takes in memory, or is about to take."""
        if not self.admitted.is_set():
            return 0
        is_fast = time.monotonic() - self.began < _SLOW
        return self.size if self.is_whole or is_fast else min(self.came, self.size)

    def admit(self) -> None:
        """Let it be read at full speed, from now on."""
        self.began = time.monotonic()
        self.admitted.set()


class UploadTurns:
    """The uploads that are coming or judged, in the order in which they began."""

    def __init__(self) -> None:
        self._uploads: dict[str, _Upload] = {}

    def begin(self, key: str, length: str) -> None:
        """Let an upload take its turn where its `Content-Length` says that it is large."""
        if length.isdecimal() and int(length) >= LARGE:
            self._uploads[key] = _Upload(int(length))
            self._admit()

    def note_whole(self, key: str) -> None:
        """Note that an upload has come to its end, and is judged."""
        if upload := self._uploads.get(key):
            upload.is_whole = True

    def note_piece(self, key: str, length: int) -> None:
        """Note that so many bytes of an upload have come, or at most so many."""
        if upload := self._uploads.get(key):
            upload.came += length

    def may_go_on(self, key: str) -> bool:
        """Tell whether an upload may be read at full speed; one that never began may."""
        upload = self._uploads.get(key)
        if upload is None or upload.admitted.is_set():
            return True
        if time.monotonic() - upload.began > _LONGEST:
            upload.admit()
        self._admit()
        return upload.admitted.is_set()

    async def wait(self, key: str) -> None:
        """Wait until the next piece of an upload may be read; one has just come."""
        self.note_piece(key, _PIECE)
        upload = self._uploads.get(key)
        if upload is None or upload.admitted.is_set():
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(upload.admitted.wait(), STEP)
        self.may_go_on(key)

    def end_soon(self, key: str) -> None:
        """End an upload's turn as soon as mitmproxy has let go of it."""
        if key in self._uploads:
            asyncio.get_running_loop().call_later(_LET_GO, self._end, key)

    def end_all(self, client: str) -> None:
        """End the turns of a client that has gone, and of its streams."""
        for key in [key for key in self._uploads if key.partition("/")[0] == client]:
            self._end(key)

    def _admit(self) -> None:
        used = sum(each.taken for each in self._uploads.values())
        for upload in self._uploads.values():
            if upload.admitted.is_set():
                continue
            if used >= LARGE and used + upload.size > AT_ONCE:
                break
            upload.admit()
            used += upload.size

    def _end(self, key: str) -> None:
        if self._uploads.pop(key, None) is not None:
            self._admit()
