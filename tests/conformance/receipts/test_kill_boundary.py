"""The real proxy, killed under load: the upstream saw nothing that has no durable receipt."""

import http.client
import json
import os
import random
import threading
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

from support.boundary import Boundary
from support.engines import State, check
from support.upstream import Upstream

KILLS = int(os.environ.get("HELM_BOUNDARY_KILLS", "3"))
CONNECTIONS = 16


class Load(threading.Thread):
    """One connection that sends a chat after the other until the proxy is gone."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.answered = 0
        self._address = urlsplit(url).netloc
        self.start()

    def run(self) -> None:
        """Make calls that name themselves in the body and in the correlation header."""
        connection = http.client.HTTPConnection(self._address, timeout=10)
        try:
            while True:
                name = str(uuid.uuid4())
                body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": name}]}
                headers = {"Content-Type": "application/json", "X-Helm-Correlation-Id": name}
                connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
                self.answered += connection.getresponse().read() != b""
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()


def test_a_killed_boundary_forwarded_nothing_without_a_receipt(
    any_state: State, tmp_path: Path
) -> None:
    """After every kill each call that the upstream saw has its request receipt.

    In the end every call has one outcome, and fsck finds nothing.
    """
    recorded: set[str] = set()
    seen: set[str] = set()
    with Upstream() as upstream:
        boundary = Boundary(upstream, state=tmp_path, options=any_state.options, start_seconds=90)
        for _ in range(KILLS):
            boundary.start()
            load = [Load(boundary.url) for _ in range(CONNECTIONS)]
            time.sleep(random.uniform(0.1, 0.8))
            boundary.kill()
            for connection in load:
                connection.join(10)
            for request in upstream.requests[len(seen) :]:
                seen.add(json.loads(request.body)["messages"][0]["content"])
            recorded |= {
                said["flow"]["correlationId"]
                for said in any_state.new_predicates()
                if said["phase"] == "request"
            }
            assert seen <= recorded, seen - recorded
    assert len(seen) > KILLS
    any_state.open().close()
    report = check(any_state.folder())
    assert report.is_complete
    assert report.calls == len(recorded)
    print(f"{KILLS} kills, {len(seen)} calls seen upstream, {report.receipts} receipts")
