"""A bundle from a server: polled with its ETag, put in place whole, or left as it was."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from helm_boundary.policy.engines.opa_server import parse_address
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.reload.watch import Change, PolicyWatch
from helm_boundary.policy.sources.download import Download
from helm_boundary.policy.sources.policy import read_policy


def bundle(model: str) -> bytes:
    content = f'{{"models": {{"allow": ["{model}"]}}}}'.encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("data.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


class Server:
    """A server of one bundle with an ETag, which remembers what it was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.tag = 200, bundle("a"), '"1"'
        self.asked: list[dict[str, str]] = []
        server = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append({k.lower(): v for k, v in self.headers.items()})
                same = self.headers.get("if-none-match") == server.tag
                self.send_response(304 if same and server.status == 200 else server.status)
                self.send_header("etag", server.tag)
                self.send_header("location", "http://127.0.0.1:1/")
                self.end_headers()
                if not same:
                    self.wfile.write(server.body)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/bundle.tar.gz"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def allowed(download: Download) -> object:
    return read_policy([download.path]).data["models"]["allow"]


def test_only_a_new_bundle_is_fetched(server: Server, tmp_path: Path) -> None:
    """The second question carries the tag of the first answer, and the token."""
    download = Download(server.url, tmp_path / "cache", token="t")
    assert download.fetch() is True
    assert allowed(download) == ["a"]
    assert download.fetch() is False
    assert server.asked[1]["if-none-match"] == '"1"'
    assert server.asked[1]["authorization"] == "Bearer t"
    server.body, server.tag = bundle("b"), '"2"'
    assert download.fetch() is True
    assert allowed(download) == ["b"]


def test_a_new_process_uses_the_stored_bundle(server: Server, tmp_path: Path) -> None:
    """What is there is used, and asked for with its tag."""
    Download(server.url, tmp_path).fetch()
    assert Download(server.url, tmp_path).fetch() is False


@pytest.mark.parametrize("status", [301, 302, 404, 429, 500])
def test_a_failing_server_leaves_the_stored_bundle_in_place(
    server: Server, tmp_path: Path, status: int
) -> None:
    """Redirects are not followed: policy comes from where the operator said."""
    download = Download(server.url, tmp_path)
    download.fetch()
    server.status, server.tag = status, '"2"'
    with pytest.raises(PolicyError, match=f"answered {status}"):
        download.fetch()
    assert allowed(download) == ["a"]


@pytest.mark.parametrize("body", [b"", b"<html>", bundle("b")[:-20]])
def test_a_download_that_is_no_bundle_is_not_stored(
    server: Server, tmp_path: Path, body: bytes
) -> None:
    """And the next good one is."""
    download = Download(server.url, tmp_path)
    download.fetch()
    server.body, server.tag = body, '"2"'
    with pytest.raises(PolicyError, match="127"):
        download.fetch()
    assert allowed(download) == ["a"]
    server.body = bundle("c")
    assert download.fetch() is True
    assert allowed(download) == ["c"]
    assert not list(tmp_path.glob("tmp*"))


def test_a_signature_is_checked_before_a_bundle_is_stored(server: Server, tmp_path: Path) -> None:
    """An unsigned answer doesn't get in place when a key was given."""
    (tmp_path / "key").write_text("secret")
    download = Download(server.url, tmp_path, key=tmp_path / "key")
    with pytest.raises(PolicyError, match="is not signed"):
        download.fetch()
    assert not download.path.exists()


@pytest.mark.parametrize(
    "url",
    ["http://example.com/b.tar.gz", "ftp://localhost/b", "file:///etc/passwd"],
)
def test_only_https_or_loopback_urls_are_accepted(url: str, tmp_path: Path) -> None:
    """TLS, or this machine."""
    with pytest.raises(PolicyError, match="expected https"):
        Download(url, tmp_path)


@pytest.mark.parametrize(
    "url", ["https://user:hunter2@host/b", "https://:hunter2@host/b", "http://hunter2@localhost/b"]
)
def test_credentials_in_a_url_are_refused(url: str, tmp_path: Path) -> None:
    """It would be shown, and stand in receipts; the refusal doesn't repeat them."""
    for use in (lambda: Download(url, tmp_path), lambda: parse_address(url)):
        with pytest.raises(PolicyError, match="no user and no password") as refused:
            use()
        assert "hunter2" not in str(refused.value)


def test_an_unreachable_server_is_one_clear_error(tmp_path: Path) -> None:
    """One clear line."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/b.tar.gz"
    with pytest.raises(PolicyError, match="can't be fetched"):
        Download(url, tmp_path).fetch()


def test_a_watch_follows_the_server(server: Server, tmp_path: Path) -> None:
    """A new bundle is a change; a failing server is an error, once a poll."""
    download = Download(server.url, tmp_path)
    download.fetch()
    policy = read_policy([download.path])
    watch = PolicyWatch(
        [download.path],
        digest=policy.digest,
        deadline_ms=2_000,
        seconds=0.05,
        refresh=download.fetch,
        refresh_seconds=0.1,
    )

    async def follow() -> None:
        changes = watch.changes()
        server.body, server.tag = bundle("gpt-x"), '"2"'
        change = await asyncio.wait_for(anext(changes), 20)
        assert isinstance(change, Change)
        change.engine.close()
        server.status, server.tag = 500, '"3"'
        assert isinstance(await asyncio.wait_for(anext(changes), 20), PolicyError)

    asyncio.run(follow())


class Dripping:
    """A server that sends these bytes, and then a byte now and then for as long as it is read."""

    def __init__(self, said: bytes, drop: bytes) -> None:
        self._said, self._drop = said, drop
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/bundle.tar.gz"

    def _serve(self) -> None:
        client, _ = self._socket.accept()
        with client, contextlib.suppress(OSError):
            client.sendall(self._said)
            while not self._is_over.wait(0.05):
                client.sendall(self._drop)

    def close(self) -> None:
        self._is_over.set()
        self._thread.join()
        self._socket.close()


OK = b"HTTP/1.1 200 OK\r\n"
DRIPS = {
    "a status line": (b"HTTP/1.1 200 ", b"O"),
    "headers": (OK, b"a: b\r\n"),
    "a body with a length": (OK + b"content-length: 90000\r\n\r\n", b"x"),
    "a body in chunks": (OK + b"transfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "a body to the end": (OK + b"connection: close\r\n\r\n", b"x"),
}


@pytest.mark.parametrize("what", DRIPS)
def test_a_server_that_drips_does_not_hold_up_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A download has an end by the clock, and what came by then isn't taken for a bundle."""
    monkeypatch.setattr("helm_boundary.policy.sources.download.SECONDS", 0.6)
    dripping = Dripping(*DRIPS[what])
    began = time.monotonic()
    with pytest.raises(PolicyError, match="the server took too long"):
        Download(dripping.url, tmp_path).fetch()
    took = time.monotonic() - began
    dripping.close()
    assert took < 5
    assert not list(tmp_path.iterdir())
