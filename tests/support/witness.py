"""A witness (c2sp.org/tlog-witness) for tests, as small as the protocol lets it be.

It verifies what it is shown with the Merkle proofs that the vectors of others hold ours to. What it
does wrong on purpose is set with `manner`: `lie` signs something else, `forget` has lost its state.
"""

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from helm_receipts.envelope import signing_keys
from helm_receipts.envelope.checkpoint import Checkpoint, parse_checkpoint, verify_by_any
from helm_receipts.envelope.cosignature import WitnessKey, cosigned_message
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.errors import ProofRefused
from helm_receipts.log.merkle_proofs import verify_consistency


class Witness:
    """One witness: its key, the logs it knows, and what it has cosigned last of each."""

    def __init__(self, name: str, logs: list[LogKey]) -> None:
        self.logs = logs
        self.manner = ""
        self.seen: dict[str, Checkpoint] = {}
        self.asked: list[int] = []
        """The status of each answer."""
        self.url = ""
        self._key = signing_keys.generate("log")
        self.key = WitnessKey(name, self._key.public)

    @property
    def option(self) -> str:
        """What helm_witness takes."""
        return f"{self.url},{self.key.vkey}"

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """Answer `add-checkpoint`; returns a status and a body."""
        head, _, note = body.partition(b"\n\n")
        first, *steps = head.decode().split("\n")
        old = int(first.removeprefix("old "))
        origin = parse_checkpoint(note).origin
        known = [log for log in self.logs if log.name == origin]
        if not known:
            return 404, b""
        try:
            new = verify_by_any(note, known)
        except ProofRefused:
            return 403, b""
        if self.manner == "forget":
            self.seen.clear()
        before = self.seen.get(origin, Checkpoint(origin, 0, b""))
        if old > new.size:
            return 400, b""
        if old != before.size:
            return 409, f"{before.size}\n".encode()
        try:
            if old:
                proof = [base64.b64decode(step) for step in steps if step]
                verify_consistency(old, new.size, before.root, new.root, proof)
        except ProofRefused:
            return 422, b""
        self.seen[origin] = new
        return 200, self._cosign(new)

    def _cosign(self, checkpoint: Checkpoint) -> bytes:
        if self.manner == "lie":
            checkpoint = Checkpoint(checkpoint.origin, checkpoint.size + 1, checkpoint.root)
        now = int(time.time())
        signature = self._key.private.sign(cosigned_message(checkpoint, now))
        line = base64.b64encode(self.key.id + now.to_bytes(8, "big") + signature).decode()
        return f"\u2014 {self.key.name} {line}\n".encode()


@contextmanager
def running_witness(name: str, *logs: LogKey) -> Iterator[Witness]:
    """Run a witness on a free port, for as long as the `with` block lasts."""
    witness = Witness(name, list(logs))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, answer = witness.answer(self.rfile.read(int(self.headers["content-length"])))
            witness.asked.append(status)
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        witness.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield witness
        finally:
            server.shutdown()
            thread.join()
