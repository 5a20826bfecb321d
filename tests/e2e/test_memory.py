"""Uploads of many megabytes, many at a time: the boundary's memory stays within bounds."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.boundary import Boundary
from support.http2_uploads import Uploads
from support.upstream import Reply, Upstream
from support.wire import Recorded

MEBIBYTE = 1 << 20
SIZE = 20 * MEBIBYTE
MOST = 300 * MEBIBYTE
LINE = "a-line-between-parts"
FORM = f"multipart/form-data; boundary={LINE}"
FILE = {"id": "file-1", "object": "file", "filename": "a.bin", "bytes": 1, "purpose": "user_data"}
DATA = "operations: {allow_categories: [inference, meta, data]}\n"


def form(content: bytes) -> bytes:
    """Return a form as clients upload a file."""
    head = (
        f'--{LINE}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
        f'--{LINE}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{LINE}--\r\n".encode()


def resident(pid: int) -> int:
    """Return a process's resident memory, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


class Peak(threading.Thread):
    """The most memory that a process has while a block lasts."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._over = threading.Event()
        self.bytes = 0

    def run(self) -> None:
        """Look all the time."""
        while not self._over.wait(0.02):
            self.bytes = max(self.bytes, resident(self._pid))

    def __enter__(self) -> Peak:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


type Upload = Callable[[int, bytes, int], Iterable[int]]
"""Uploads a body so many times to a port, ten at a time; returns the statuses."""


def over_http1(port: int, body: bytes, count: int) -> Iterable[int]:
    def upload(_: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.request("POST", "/v1/files", body, {"Content-Type": FORM})
        return connection.getresponse().status

    with ThreadPoolExecutor(10) as pool:
        return [*pool.map(upload, range(count))]


def in_chunks(port: int, body: bytes, count: int) -> Iterable[int]:
    """Nobody tells how long they are; ten connections, which stay for the next upload."""
    kept = threading.local()

    def upload(_: int) -> int:
        if not hasattr(kept, "connection"):
            kept.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        pieces = (body[at : at + MEBIBYTE] for at in range(0, len(body), MEBIBYTE))
        kept.connection.request("POST", "/v1/files", pieces, {"Content-Type": FORM})
        with kept.connection.getresponse() as response:
            response.read()
            status: int = response.status
        return status

    with ThreadPoolExecutor(10) as pool:
        return [*pool.map(upload, range(count))]


def over_http2(port: int, body: bytes, count: int) -> Iterable[int]:
    """Ten streams of one connection, which stays: what is over leaves nothing behind."""
    head = [("content-type", FORM), ("content-length", str(len(body)))]
    return Uploads(port, "/v1/files", head, body).run(count, at_once=10)


def over_http2_without_length(port: int, body: bytes, count: int) -> Iterable[int]:
    return Uploads(port, "/v1/files", [("content-type", FORM)], body).run(count, at_once=10)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
@pytest.mark.parametrize(
    ("upload", "count"),
    [
        (over_http1, 10),
        pytest.param(over_http2, 10, marks=pytest.mark.slow),
        *(
            pytest.param(upload, 100, marks=pytest.mark.slow)
            for upload in (over_http1, over_http2, in_chunks, over_http2_without_length)
        ),
    ],
)
def test_uploads_ten_at_a_time_stay_within_bounds(
    tmp_path: Path, count: int, upload: Upload
) -> None:
    """Each arrives whole; nobody waits for long without a byte being taken."""
    policy = tmp_path / "policy"
    policy.mkdir()
    (policy / "data.yaml").write_text(DATA)
    body = form(os.urandom(SIZE))
    sizes: list[int] = []

    def answer(request: Recorded) -> Reply:
        sizes.append(len(request.body))
        upstream.requests.clear()
        return Reply.json(FILE)

    with Upstream() as upstream, Boundary(upstream, state=tmp_path, policy=policy) as boundary:
        upstream.answer(answer)
        with Peak(boundary.pid) as peak:
            assert set(upload(boundary.port, body, count)) == {200}
        print(f"{count} uploads {upload.__name__}: at most {peak.bytes >> 20} MiB")
        assert sizes == [len(body)] * count
        assert peak.bytes <= MOST, f"{peak.bytes >> 20} MiB"


def test_a_slow_upload_holds_nobody_up(tmp_path: Path) -> None:
    """Others go on at their own speed behind one that doesn't come to its end."""
    policy = tmp_path / "policy"
    policy.mkdir()
    (policy / "data.yaml").write_text(DATA)
    with Upstream() as upstream, Boundary(upstream, state=tmp_path, policy=policy) as boundary:
        upstream.answer(lambda _: Reply.json(FILE))
        kind = {"Content-Type": FORM}
        slow = http.client.HTTPConnection("127.0.0.1", boundary.port, timeout=60)
        slow.putrequest("POST", "/v1/files")
        for name, value in (*kind.items(), ("Content-Length", str(64 * MEBIBYTE))):
            slow.putheader(name, value)
        slow.endheaders(b"--")
        began = time.monotonic()
        other = http.client.HTTPConnection("127.0.0.1", boundary.port, timeout=60)
        other.request("POST", "/v1/files", form(os.urandom(2 * MEBIBYTE)), kind)
        assert other.getresponse().status == 200
        assert time.monotonic() - began < 15
        for each in (other, slow):
            each.close()
