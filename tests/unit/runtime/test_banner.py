"""The five lines at the start: where it listens, and how a client gets there."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helm_boundary.runtime.banner import banner

POLICY = SimpleNamespace(
    uri="helm-boundary:default", rules=47, digest="0" * 64, without_detectors=()
)
JUDGE = SimpleNamespace(detectors=SimpleNamespace(names=("secret.a", "personal.b")))
RUNNING: Any = SimpleNamespace(
    engine=SimpleNamespace(policy=POLICY), boundary=SimpleNamespace(judge=JUDGE)
)
CONFIG: Any = SimpleNamespace(state=Path("/state"), database=None, mode="enforce")


@pytest.mark.parametrize(
    ("mode", "addresses", "every", "clients"),
    [
        ("regular", ["127.0.0.1:8080"], False, "HTTPS_PROXY=http://127.0.0.1:8080 "),
        ("regular", ["0.0.0.0:8080", ":::8080"], True, "HTTPS_PROXY=http://127.0.0.1:8080 "),
        ("regular", [":::8080", "0.0.0.0:8080"], True, "HTTPS_PROXY=http://127.0.0.1:8080 "),
        (
            "reverse:https://api.openai.com",
            ["127.0.0.1:9090"],
            False,
            "OPENAI_BASE_URL=http://127.0.0.1:9090/v1",
        ),
        (
            "reverse:http://127.0.0.1:1",
            ["[::1]:9090"],
            False,
            "OPENAI_BASE_URL=http://[::1]:9090/v1",
        ),
        ("regular", ["[::]:8080"], True, "HTTPS_PROXY=http://127.0.0.1:8080 "),
        ("transparent", ["0.0.0.0:8080"], True, "those whose connections the system diverts"),
    ],
)
def test_where_it_listens_and_how_to_get_there(
    mode: str, addresses: list[str], every: bool, clients: str
) -> None:
    """An address that other machines reach is said to be one; what clients are told works."""
    options: Any = SimpleNamespace(confdir="/conf", mode=[mode])
    first, policy, *_, last = banner(RUNNING, CONFIG, options, addresses)
    assert first.startswith(f"helm-boundary listens on {', '.join(addresses)}")
    assert ("every address" in first) is every
    assert "47 rules, 2 detectors, sha256 0000" in policy
    assert last.split(maxsplit=1)[1].startswith(clients.strip())


def test_a_bundle_without_detectors_is_named() -> None:
    """`opa build -b` leaves them out, and says nothing."""
    told: Any = SimpleNamespace(**{**vars(POLICY), "without_detectors": ("file:///p.tar.gz",)})
    running: Any = SimpleNamespace(
        engine=SimpleNamespace(policy=told), boundary=SimpleNamespace(judge=JUDGE)
    )
    options: Any = SimpleNamespace(confdir="/conf", mode=["regular"])
    said = "\n".join(banner(running, CONFIG, options, ["127.0.0.1:8080"]))
    assert "2 detectors (a bundle brings none: see policy check)" in said
