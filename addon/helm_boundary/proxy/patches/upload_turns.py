"""Turns of large uploads: so many bytes are read at full speed, the rest waits where it comes from.

An upload has a key: a client's id, where that sends one after the other, or a stream's of HTTP/2.
One whose length nobody told (chunks, or HTTP/2 without a `Content-Length`) takes its first turn
when it has become large, for as much as most uploads have, and another each time that it is more.
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
_EXPECTED = 16 << 20
"""Bytes that an upload of unknown length is expected to have, once it is large."""
_MORE = 8 << 20
"""Bytes that it is expected to have beyond those, each time that it has more."""
STEP = 2.0
"""Seconds between two pieces of an upload that waits: clients give up one that doesn't go on."""
_SLOW = 3.0
"""Seconds after which only what has come of an upload counts where its client is slow."""
_SLOW_RATE = 1 << 20
"""Bytes a second of a slow client: a busy machine takes more of one that is not."""
_STALLED = 10.0
"""Seconds without a turn begun or ended after which the next begins: answers may take minutes."""
_LET_GO = 0.04
"""Seconds after its end when an upload has left memory."""


@dataclass(slots=True)
class _Upload:
    size: int
    """Its bytes, or those that it is expected to have; 0 while it is small."""
    is_known: bool
    began: float = field(default_factory=time.monotonic)
    admitted: asyncio.Event = field(default_factory=asyncio.Event)
    came: int = 0
    came_before: int = 0
    is_whole: bool = False

    @property
    def taken(self) -> int:
        """The bytes that it takes in memory, or is about to take."""
        if not self.admitted.is_set():
            return 0 if self.is_known else self.came
        if self.is_whole or not self._is_slow:
            return self.size
        return min(self.came, self.size)

    @property
    def _is_slow(self) -> bool:
        took = time.monotonic() - self.began
        return took > _SLOW and self.came - self.came_before < took * _SLOW_RATE

    def admit(self) -> None:
        """Let it be read at full speed, from now on."""
        self.began, self.came_before = time.monotonic(), self.came
        self.admitted.set()

    def grow(self) -> bool:
        """Have it take another turn where it has more bytes than expected; tells whether it has."""
        if self.is_known or self.came <= (self.size or LARGE):
            return False
        self.size = max(_EXPECTED, self.came + _MORE)
        self.admitted.clear()
        return True


class UploadTurns:
    """The uploads that are coming or judged, in the order in which they began."""

    def __init__(self) -> None:
        self._uploads: dict[str, _Upload] = {}
        self._moved = time.monotonic()

    def begin(self, key: str, length: str | None) -> None:
        """Let an upload take its turn where its `Content-Length` says that it is large.

        Where it has none (None), what comes of it is counted.
        """
        if length is None:
            small = self._uploads[key] = _Upload(0, is_known=False)
            small.admit()
        elif length.isdecimal() and int(length) >= LARGE:
            self._uploads[key] = _Upload(int(length), is_known=True)
            self._admit()

    def note_whole(self, key: str) -> None:
        """Note that an upload has come to its end, and is judged."""
        if upload := self._uploads.get(key):
            upload.is_whole = True
            if not upload.is_known:
                upload.size = upload.came if upload.size else 0
            upload.admit()
            self._admit()

    def note_piece(self, key: str, length: int) -> None:
        """Note that so many bytes of an upload have come, or at most so many."""
        if (upload := self._uploads.get(key)) and not upload.is_whole:
            upload.came += length
            if upload.grow():
                self._admit()

    def may_go_on(self, key: str) -> bool:
        """Tell whether an upload may be read at full speed; one that never began may."""
        upload = self._uploads.get(key)
        if upload is None or upload.admitted.is_set():
            return True
        self._admit()
        return upload.admitted.is_set()

    async def wait(self, key: str) -> None:
        """Wait until the next piece of an upload may be read."""
        upload = self._uploads.get(key)
        if upload is None or upload.admitted.is_set():
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(upload.admitted.wait(), STEP)
        self.may_go_on(key)

    def end_soon(self, key: str) -> None:
        """End an upload's turn as soon as mitmproxy has let go of it."""
        if upload := self._uploads.get(key):
            asyncio.get_running_loop().call_later(_LET_GO, self._end, key, upload)

    def end_all(self, client: str) -> None:
        """End the turns of a client that has gone, and of its streams."""
        for key, upload in list(self._uploads.items()):
            if key.partition("/")[0] == client:
                self._end(key, upload)

    def _admit(self) -> None:
        """Admit those whose turn it is; one always, or those that came in part would stay."""
        uploads = self._uploads.values()
        used = sum(each.taken for each in uploads)
        read = sum(each.taken for each in uploads if each.admitted.is_set())
        for upload in uploads:
            if upload.admitted.is_set():
                continue
            more = upload.size - upload.taken
            is_stalled = time.monotonic() - self._moved > _STALLED
            if read >= LARGE and used + more > AT_ONCE and not is_stalled:
                break
            upload.admit()
            self._moved = time.monotonic()
            read += upload.size
            used += more

    def _end(self, key: str, upload: _Upload) -> None:
        """End a turn, unless the same connection's next upload has begun."""
        if self._uploads.get(key) is upload:
            del self._uploads[key]
            self._moved = time.monotonic()
            self._admit()
