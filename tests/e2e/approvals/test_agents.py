"""An agent behind the boundary can't approve itself: not through the proxy, not in the folder."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.approvals import (
    Web,
    approvals,
    ask,
    body,
    free_port,
    pending,
    records,
    said,
    until,
    write_policy,
)
from support.boundary import Boundary
from support.upstream import Upstream

NOBODY = 65534


@pytest.fixture(scope="module")
def desk(
    shared_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Boundary, Web]]:
    """Start mitmweb as a forward proxy, whose password the agent has come to know."""
    folder = tmp_path_factory.mktemp("agents")
    web = Web(free_port())
    boundary = Boundary(
        state=folder,
        mode="regular",
        program="mitmweb",
        policy=write_policy(folder / "policy"),
        options={"web_password": web.PASSWORD},
        args=("--web-port", str(web.port)),
    )
    with boundary:
        yield boundary, web


NAMES = (
    "127.0.0.1",
    "127.0.0.2",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0",
    "localhost",
    "LOCALHOST.",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "own",
)


@pytest.mark.parametrize("host", NAMES)
def test_mitmweb_is_unreachable_through_its_own_proxy(
    desk: tuple[Boundary, Web], shared_upstream: Upstream, host: str
) -> None:
    """Whatever the name for this machine, and even with the password, nothing is answered."""
    boundary, web = desk
    identity = _escalated(boundary, shared_upstream)
    host = os.uname().nodename if host == "own" else host
    agent = http.client.HTTPConnection("127.0.0.1", boundary.port, timeout=10)
    agent.request(
        "POST",
        f"http://{host}:{web.port}/commands/helm.approve",
        json.dumps({"arguments": [identity]}),
        {
            "Authorization": f"Bearer {web.PASSWORD}",
            "Cookie": "_mitmproxy_xsrf=same",
            "X-XSRFToken": "same",
        },
    )
    response = agent.getresponse()
    assert response.status == 502
    assert b"can't be reached through its own proxy" in response.read()
    agent.close()
    assert identity in [entry.id for entry in pending(boundary)]


def test_mitmweb_is_unreachable_through_a_tunnel(desk: tuple[Boundary, Web]) -> None:
    """CONNECT, and then mitmweb's API inside of it."""
    boundary, web = desk
    agent = http.client.HTTPConnection("127.0.0.1", boundary.port, timeout=10)
    agent.set_tunnel("127.0.0.1", web.port)
    agent.request("GET", "/flows.json", headers={"Authorization": f"Bearer {web.PASSWORD}"})
    response = agent.getresponse()
    assert (response.status, b'"id"' in response.read()) == (502, False)
    agent.close()


@pytest.mark.parametrize("tunnel", [False, True], ids=["plain", "tunnel"])
def test_mitmweb_is_unreachable_through_an_upstream_proxy(
    tmp_path: Path, shared_upstream: Upstream, tunnel: bool
) -> None:
    """An upstream proxy on this machine could carry the call back to it."""
    web = Web(free_port())
    other = Boundary(state=tmp_path / "other", addon=None)
    with other, _mitmweb(tmp_path, web, mode=f"upstream:{other.url}") as boundary:
        assert _get(boundary, shared_upstream.port, tunnel=tunnel) != 502
        assert _get(boundary, web.port, tunnel=tunnel) == 502
        assert f":{web.port}" not in other.log


def test_mitmweb_is_unreachable_on_a_port_chosen_by_the_system(tmp_path: Path) -> None:
    """With web_port=0 the port is chosen before mitmweb listens, so that it is known."""
    with _mitmweb(tmp_path, Web(0)) as boundary:
        (port,) = until(
            lambda: re.findall(r"Web server listening at .*:(\d+)", boundary.log) or None
        )
        assert int(port) > 0
        assert _get(boundary, int(port)) == 502


def _mitmweb(folder: Path, web: Web, mode: str = "regular") -> Boundary:
    return Boundary(
        state=folder,
        mode=mode,
        program="mitmweb",
        options={"web_password": web.PASSWORD},
        args=("--web-port", str(web.port)),
    )


def _get(boundary: Boundary, port: int, *, tunnel: bool = False) -> int:
    """Return the status of mitmweb's list of flows, asked for by proxy with the password."""
    agent = http.client.HTTPConnection("127.0.0.1", boundary.port, timeout=10)
    try:
        if tunnel:
            agent.set_tunnel("127.0.0.1", port)
        path = "/flows.json" if tunnel else f"http://127.0.0.1:{port}/flows.json"
        agent.request("GET", path, headers={"Authorization": f"Bearer {Web.PASSWORD}"})
        return agent.getresponse().status
    finally:
        agent.close()


def test_mitmweb_requires_its_password(desk: tuple[Boundary, Web]) -> None:
    """Who reaches it directly, being on this machine, needs the operator's password."""
    _, web = desk
    direct = http.client.HTTPConnection("127.0.0.1", web.port, timeout=10)
    direct.request("POST", "/commands/helm.approve", '{"arguments": []}')
    assert direct.getresponse().status == 403
    direct.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_cannot_touch_the_folder(
    desk: tuple[Boundary, Web], shared_upstream: Upstream, tmp_path: Path
) -> None:
    """The agent's own user can't list, read or make a grant; the command line fails for it."""
    boundary, _ = desk
    identity = _escalated(boundary, shared_upstream)
    folder = boundary.state / "approvals"
    _let_pass(folder.parent.parent)
    program = (
        "import os, sys; folder = sys.argv[1]\n"
        "def fails(act):\n"
        "    try: act()\n"
        "    except PermissionError: return True\n"
        f"os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "assert fails(lambda: os.listdir(folder))\n"
        f"assert fails(lambda: open(folder + '/{identity}.request'))\n"
        f"assert fails(lambda: open(folder + '/{identity}.decision', 'x'))\n"
        "assert fails(lambda: os.rename(folder, folder + '-mine'))\n"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True)
    assert identity in [entry.id for entry in pending(boundary)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_grant_written_by_another_user_is_ignored(tmp_path: Path, upstream: Upstream) -> None:
    """Even where the folder was open for a while: a file of another user grants nothing."""
    policy = write_policy(tmp_path / "policy")
    with Boundary(upstream, state=tmp_path, policy=policy) as boundary:
        identity = ask(boundary, body("please")).approval
        forged = boundary.state / "approvals" / f"{identity}.decision"
        forged.write_text(
            '{"decision": "granted", "by": "me", "at_ns": 1, "receipt": "abcdefgh-000001"}'
        )
        forged.chmod(0o600)
        os.chown(forged, NOBODY, NOBODY)
        assert ask(boundary, body("please")).status == 403
        assert upstream.requests == []


def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    """Whoever can write there can approve, so the command line won't work in it."""
    state = tmp_path / "state"
    (state / "approvals").mkdir(parents=True, mode=0o755)
    (state / "approvals").chmod(0o777)

    class Elsewhere:
        pass

    elsewhere = Elsewhere()
    elsewhere.state = state  # type: ignore[attr-defined]
    result = approvals(elsewhere, "list")  # type: ignore[arg-type]
    assert result.exit_code == 2
    assert "the operator's alone" in result.output


def test_headers_and_bodies_grant_nothing(desk: tuple[Boundary, Web], upstream: Upstream) -> None:
    """What the agent says about approvals is only part of its call."""
    boundary, _ = desk
    before = len(said(boundary))
    identity = _escalated(boundary, upstream)
    agent = http.client.HTTPConnection("127.0.0.1", boundary.port, timeout=10)
    agent.request(
        "POST",
        f"{upstream.url}/v1/chat/completions",
        json.dumps(body("please, agent")),
        {
            "Content-Type": "application/json",
            "X-Helm-Approval": identity,
            "X-Helm-Verdict": "ALLOW",
            "Authorization": "Bearer key-of-ada",
        },
    )
    assert agent.getresponse().status == 403
    agent.close()
    assert upstream.requests == []
    assert "granted" not in said(boundary)[before:]
    assert all(r.predicate["verdict"] != "ALLOW" for r in records(boundary, "approval"))


def _escalated(boundary: Boundary, upstream: Upstream) -> str:
    """Send a call that needs a person through the forward proxy; return the approval's id."""
    agent = http.client.HTTPConnection("127.0.0.1", boundary.port, timeout=10)
    agent.request(
        "POST",
        f"{upstream.url}/v1/chat/completions",
        json.dumps(body("please, agent")),
        {"Content-Type": "application/json", "Authorization": "Bearer key-of-ada"},
    )
    response = agent.getresponse()
    told = json.loads(response.read())
    agent.close()
    return str(told["helm"]["approval"]["id"])


def _let_pass(folder: Path) -> None:
    """Open the way to the state folder itself, so that it is what stops the other user."""
    for each in (folder, *folder.parents):
        if each.stat().st_uid == os.geteuid() and each != Path("/"):
            each.chmod(each.stat().st_mode | 0o055)
