"""The authority that clients trust: changed without their notice, and one for a whole fleet."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from helm_boundary.doctor.finding import NO, UNKNOWN, YES
from support.approvals import free_port
from support.boundary import Boundary

pytestmark = pytest.mark.slow
"""Each of these takes seconds; what most of them show, quicker tests show too."""


def trusts(boundary: Boundary, bundle: Path) -> bool:
    """Tell whether a client with that bundle speaks TLS through a boundary."""
    context = ssl.create_default_context(cafile=str(bundle))
    with socket.create_connection(("127.0.0.1", boundary.port), 20) as connection:
        connection.sendall(b"CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com\r\n\r\n")
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(1)
        try:
            context.wrap_socket(connection, server_hostname="api.openai.com").close()
        except ssl.SSLCertVerificationError:
            return False
        return True


def doctor(state: Path, *arguments: str) -> dict[str, dict[str, str]]:
    """Return doctor's findings, by what was looked at."""
    done = subprocess.run(
        [sys.executable, "-m", "helm_boundary", "doctor", "--json", "--state", str(state),
         *arguments],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {each["looked_at"]: each for each in found}


def test_an_authority_is_changed_without_clients_noticing(tmp_path: Path) -> None:
    """As docs/operations.md has it: make the new one, trust both, restart, trust the new one."""
    old, new, both = tmp_path / "old", tmp_path / "new", tmp_path / "both.pem"
    state = {"helm_state": tmp_path / "state"}
    with Boundary(state=tmp_path / "maker", confdir=new) as maker:
        assert maker.ca_file.exists()
    with Boundary(state=tmp_path / "one", options=state, confdir=old) as boundary:
        before = boundary.ca_file
        both.write_bytes(before.read_bytes() + (new / before.name).read_bytes())
        assert trusts(boundary, before)
        assert trusts(boundary, both)
    with Boundary(state=tmp_path / "one", options=state, confdir=new) as boundary:
        assert trusts(boundary, both)
        assert trusts(boundary, boundary.ca_file)
        assert not trusts(boundary, before)
        [found] = [each for name, each in doctor(tmp_path / "state").items() if "valid now" in name]
        assert found["answer"] == YES


@pytest.mark.parametrize("same", [True, False])
def test_doctor_says_when_two_boundaries_have_two_authorities(same: bool, tmp_path: Path) -> None:
    """On one state folder, by their health; elsewhere, by what their clients see."""
    state = tmp_path / "state"
    folders = (tmp_path / "ca", tmp_path / ("ca" if same else "other"))
    options = {"helm_state": state}
    with (
        Boundary(state=tmp_path / "one", options=options, confdir=folders[0]) as one,
        Boundary(state=tmp_path / "two", options=options, confdir=folders[1]),
        Boundary(state=tmp_path / "away", confdir=folders[1]) as away,
    ):
        looked_at = "all boundaries have one authority"
        here = doctor(state)[looked_at]
        assert here["answer"] == (YES if same else NO), here
        assert ("has another than" in here["found"]) is not same
        there = doctor(state, "--peer", f"127.0.0.1:{away.port}")[looked_at]
        assert there["answer"] == (YES if same else NO), there
        assert ("process" in there["found"]) is not same
        absent = doctor(state, "--peer", f"127.0.0.1:{free_port()}")[looked_at]
        assert absent["answer"] == UNKNOWN
        assert one.alive
