"""A timestamp authority (RFC 3161) for tests: `openssl ts` behind a small HTTP server."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

_CONFIGURATION = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[extensions]
extendedKeyUsage = critical,timeStamping
keyUsage = critical,digitalSignature
"""


@dataclass
class Authority:
    """One authority: its address, its root certificate, and what it does wrong on purpose."""

    url: str
    root: Path
    manner: str = ""
    """`other` stamps something else, `nonsense` answers with none, `refuse` with a status."""
    asked: list[bytes] = field(default_factory=list)


def _openssl(*arguments: object) -> bytes:
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def _make(folder: Path) -> Path:
    """Make a root, and a certificate for stamping below it; returns the root's file."""
    (folder / "openssl.cnf").write_text(_CONFIGURATION.format(folder=folder))
    (folder / "serial").write_text("01\n")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    root = folder / "root.pem"
    _openssl("req", "-x509", *key, "-keyout", folder / "root.key", "-out", root,
             "-subj", "/CN=root", "-days", 2)  # fmt: skip
    _openssl("req", "-new", *key, "-keyout", folder / "tsa.key", "-out", folder / "tsa.csr",
             "-subj", "/CN=tsa")  # fmt: skip
    _openssl("x509", "-req", "-in", folder / "tsa.csr", "-CA", root, "-CAkey", folder / "root.key",
             "-CAcreateserial", "-days", 1, "-out", folder / "tsa.pem", "-extensions", "extensions",
             "-extfile", folder / "openssl.cnf")  # fmt: skip
    return root


@contextmanager
def running_authority(folder: Path) -> Iterator[Authority]:
    """Run an authority on a free port, with keys of its own in a folder."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl isn't on this machine")
    folder.mkdir()
    authority = Authority("", _make(folder))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["content-length"]))
            authority.asked.append(asked)
            answer = _answer(folder, authority.manner, asked)
            self.send_response(503 if authority.manner == "refuse" else 200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        authority.url = f"http://127.0.0.1:{server.server_address[1]}/tsa"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield authority
        finally:
            server.shutdown()
            thread.join()


def _answer(folder: Path, manner: str, asked: bytes) -> bytes:
    if manner in ("nonsense", "refuse"):
        return b"nothing"
    query = folder / "query.tsq"
    query.write_bytes(asked)
    if manner == "other":
        (folder / "other").write_bytes(b"something else")
        _openssl("ts", "-query", "-data", folder / "other", "-sha256", "-cert", "-out", query)
    config = ("-config", folder / "openssl.cnf", "-section", "here")
    return _openssl("ts", "-reply", "-queryfile", query, *config)
