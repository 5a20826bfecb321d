"""One upstream and one boundary for all of this folder's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.boundary import Boundary
from support.scene import verify_all
from support.upstream import Upstream

POLICY = """package helm

default decision := {"verdict": "DENY", "reasons": [{
\t"code": "NO_POLICY_DEFINED", "rule": "test", "message": "no", "finality": "ungranted",
}]}

decision := {"verdict": "ALLOW", "reasons": [], "stream": stream} if count(bad) == 0

default stream := "gate"

stream := "buffer" if input.model == "buffered"

decision := {"verdict": "DENY", "reasons": [why | some why in bad]} if count(bad) > 0

bad contains reason("POLICY_VIOLATION", "model") if input.model == "forbidden"

bad contains reason("TAINTED_DATA_EGRESS_DENY", "words") if {
\tinput.phase == "request"
\tsome text in input.texts
\tcontains(text.text, "the password")
}

bad contains reason("SANDBOX_VIOLATION", "tool") if {
\tinput.phase == "response"
\tsome call in input.response.tool_calls
\tcall.name in {"rm_rf", "shell", "mcp.files.delete", "browser.navigate"}
}

bad contains reason("DATA_EGRESS_BLOCKED", "said") if {
\tinput.phase == "response"
\tsome text in input.response.texts
\tcontains(text.text, "the forbidden word")
}

reason(code, rule) := {
\t"code": code, "rule": rule, "message": "not here", "finality": "instance_parameter",
}
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a policy of its own, so that the default one may change."""
    folder = tmp_path_factory.mktemp("policy")
    (folder / "main.rego").write_text(POLICY)
    return folder


@pytest.fixture(scope="module")
def module_upstream() -> Iterator[Upstream]:
    """Start the upstream for the whole module."""
    with Upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def boundary(
    module_upstream: Upstream, policy: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Boundary]:
    """Start the real mitmdump before the upstream."""
    state = tmp_path_factory.mktemp("state")
    options = {"helm_hosts": "127.0.0.1"}
    with Boundary(module_upstream, state=state, policy=policy, options=options) as running:
        yield running
    verify_all(running)


@pytest.fixture
def upstream(module_upstream: Upstream) -> Iterator[Upstream]:
    """Return the upstream, answering by itself and with nothing recorded."""
    module_upstream.requests.clear()
    yield module_upstream
    module_upstream.answer(lambda _request: None)
