"""Doctor's findings on faulty boundaries, clocks and folders."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helm_boundary.calls.hosts import DEFAULT_HOSTS
from helm_boundary.doctor.boundary_checks import look_at_boundary, look_at_hosts, look_at_policy
from helm_boundary.doctor.environment_checks import look_at_trust
from helm_boundary.doctor.finding import NO, UNKNOWN, YES, Finding
from helm_boundary.doctor.state_checks import look_at_clock, look_at_journal, look_at_ownership
from helm_boundary.policy.sources.policy import read_policy
from helm_boundary.runtime.health import Health, HealthSocket, Listener, ask, running_boundaries
from helm_receipts.recording.recorder import Recorder
from support.certificates import Authority
from support.hands import as_root, give_away
from support.receipts import CONFIGURATION
from support.standing import WELL


def bad(findings: list[Finding]) -> dict[str, str]:
    """Return what isn't well, and how."""
    assert all(finding.remedy for finding in findings if finding.answer != YES)
    return {each.looked_at: each.answer for each in findings if each.answer != YES}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {}),
        ({"sealed": False}, {"a boundary is up": NO, "it is sealed": NO}),
        ({"draining": True}, {"a boundary is up": NO}),
        ({"listeners": ()}, {"a boundary is up": NO}),
        ({"unsafe": ("ssl_insecure=true: …",)}, {"its options are safe": NO}),
        ({"mode": "observe"}, {"verdicts take effect": NO}),
    ],
)
def test_a_faulty_boundary_is_reported(change: dict[str, Any], expected: dict[str, str]) -> None:
    """Each thing that makes it less than a boundary is a no with a remedy."""
    health = replace(WELL, **change)
    assert bad(list(look_at_boundary(Path("/s"), health))) == expected


def test_nothing_else_is_checked_without_a_boundary() -> None:
    """Then there is nothing more to look at."""
    assert bad(list(look_at_boundary(Path("/s"), None))) == {"a boundary is up": NO}


@pytest.mark.parametrize(
    ("mode", "address", "proxy"),
    [
        ("regular", "127.0.0.1:8080", "127.0.0.1:8080"),
        ("regular@9000", "0.0.0.0:9000", "127.0.0.1:9000"),
        ("upstream:http://corp:3128", ":::8080", "127.0.0.1:8080"),
        ("reverse:https://api.openai.com", "127.0.0.1:8080", None),
    ],
)
def test_the_proxys_address_is_one_that_clients_can_use(
    mode: str, address: str, proxy: str | None
) -> None:
    """A forward listener, at an address that clients here can use."""
    assert replace(WELL, listeners=(Listener(mode, address),)).proxy == proxy


def test_what_is_governed_is_told() -> None:
    """The list in force, what it lacks of the default one, and a reverse listener's server."""
    reverse = Listener("reverse:http://localhost:11434@9090", "127.0.0.1:9090")
    found = look_at_hosts(replace(WELL, listeners=(*WELL.listeners, reverse)))
    assert found.answer == YES
    governed, _, missing = found.found.partition(" (of the default list not ")
    assert governed == "api.openai.com, localhost:11434 behind 127.0.0.1:9090"
    assert "api.anthropic.com" in missing
    assert "api.openai.com," not in missing.replace("*.api.openai.com,", "")
    assert "not" not in look_at_hosts(replace(WELL, hosts=DEFAULT_HOSTS)).found


def test_the_policy_is_compared_by_its_digest(tmp_path: Path) -> None:
    """With a folder that is named; one that can't be read is not a yes."""
    (tmp_path / "data.yaml").write_text("models: {allow: [gpt-5-mini]}\n")
    in_force = replace(WELL, policy_digest=read_policy([tmp_path]).digest)
    assert look_at_policy(in_force, [tmp_path]).answer == YES
    assert look_at_policy(WELL, [tmp_path]).answer == NO
    assert look_at_policy(WELL, [Path("/nonexistent")]).answer == UNKNOWN


def test_a_policy_of_ones_own_is_told_and_not_doubted() -> None:
    """Nobody said which one was expected."""
    told = look_at_policy(WELL, [])
    assert told.answer == YES
    assert WELL.policy_uri in told.found


def test_a_folder_that_takes_no_receipts_is_reported(tmp_path: Path) -> None:
    """A write that can't be made durable is a no."""
    assert look_at_journal(tmp_path).answer == YES
    assert look_at_journal(tmp_path / "missing").answer == NO


def test_a_state_folder_that_others_can_change_is_reported(tmp_path: Path) -> None:
    """A no with the path and the command, for keys and for the authority too."""
    state, conf = tmp_path / "state", tmp_path / "conf"
    Recorder.open(state, version="0", configuration=CONFIGURATION).close()
    conf.mkdir()
    (conf / "mitmproxy-ca.pem").touch(mode=0o600)
    health = replace(WELL, ca_file=str(conf / "mitmproxy-ca-cert.pem"))
    assert bad(list(look_at_ownership(state, health))) == {}
    (state / "keys" / "receipt.pem").chmod(0o644)
    (conf / "mitmproxy-ca.pem").chmod(0o604)
    folder, authority = look_at_ownership(state, health)
    assert (folder.answer, authority.answer) == (NO, NO)
    assert str(state / "keys" / "receipt.pem") in folder.found
    assert "chmod 600" in folder.remedy
    assert "chmod 600" in authority.remedy


@as_root
def test_root_finds_another_users_service_healthy(tmp_path: Path) -> None:
    """`sudo helm-boundary doctor` looks on behalf of the folder's user."""
    Recorder.open(tmp_path, version="0", configuration=CONFIGURATION).close()
    for path in [tmp_path, *tmp_path.rglob("*")]:
        give_away(path)
    assert bad(list(look_at_ownership(tmp_path, None))) == {}
    (tmp_path / "keys").chmod(0o777)
    assert bad(list(look_at_ownership(tmp_path, None))) == {
        "the state folder is its user's alone": NO
    }


def test_a_clock_that_went_back_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It must not be earlier than the newest receipt."""
    assert bad(list(look_at_clock(tmp_path, None))) == {"the clock runs forward": UNKNOWN}
    Recorder.open(tmp_path, version="0", configuration=CONFIGURATION).close()
    assert bad(list(look_at_clock(tmp_path, None))) == {}
    now = time.time()
    monkeypatch.setattr("helm_boundary.doctor.state_checks.time.time", lambda: now - 3600)
    assert bad(list(look_at_clock(tmp_path, None))) == {"the clock runs forward": NO}


def test_an_authority_outside_its_lifetime_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients would refuse it, whatever else is right."""
    health = replace(WELL, ca_file=str(Authority(tmp_path).file))
    now = time.time()
    assert "the authority is valid now" not in bad(list(look_at_clock(tmp_path, health)))
    monkeypatch.setattr("helm_boundary.doctor.state_checks.time.time", lambda: now + 86400 * 3)
    assert bad(list(look_at_clock(tmp_path, health)))["the authority is valid now"] == NO


def test_a_bundle_without_the_authority_is_reported(tmp_path: Path) -> None:
    """A bundle with the authority in it is a yes, one without it a no, none at all unknown."""
    ours, theirs = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    both = tmp_path / "both.pem"
    both.write_bytes(theirs.file.read_bytes() + ours.file.read_bytes())
    told = {
        "SSL_CERT_FILE": str(both),
        "REQUESTS_CA_BUNDLE": str(theirs.file),
        "CURL_CA_BUNDLE": str(tmp_path / "missing"),
    }
    found = look_at_trust(replace(WELL, ca_file=str(ours.file)), told)
    assert {finding.looked_at.split()[3]: finding.answer for finding in found} == {
        "SSL_CERT_FILE": YES,
        "REQUESTS_CA_BUNDLE": NO,
        "CURL_CA_BUNDLE": UNKNOWN,
    }


def test_health_is_served_over_a_socket(tmp_path: Path) -> None:
    """Also where the state folder's path is longer than a socket's may be."""
    state = tmp_path / ("long" * 20) / ("longer" * 12)
    state.mkdir(parents=True)

    async def serve(look: Callable[[], list[Health]]) -> list[Health]:
        health = HealthSocket(state, lambda: WELL)
        await health.open()
        try:
            return await asyncio.to_thread(look)
        finally:
            health.close()

    assert asyncio.run(serve(lambda: list(running_boundaries(state)))) == [WELL]
    assert list(running_boundaries(state)) == []
    assert ask(state / "run" / "1.sock") is None
