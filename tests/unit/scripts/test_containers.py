"""The container file and the compose file: what they say is what the boundary has.

No container is built in the tests. Where `hadolint` is on PATH the container file is linted too.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from click import Context

from helm_boundary.cli.run import run
from helm_boundary.runtime.options import OPTIONS
from support.boundary import ROOT

SERVICE = ROOT / "scripts" / "service"
CONTAINERFILE = (SERVICE / "Containerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((SERVICE / "compose" / "compose.yaml").read_text())


def test_the_container_file_passes_hadolint() -> None:
    """With every rule on."""
    program = shutil.which("hadolint") or pytest.skip("no hadolint on PATH")
    done = subprocess.run(
        [program, SERVICE / "Containerfile"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_container_isnt_root_and_installs_by_hashes() -> None:
    """Two stages, of which the second has no compiler, no source and no package cache."""
    stages = CONTAINERFILE.split("\nFROM ")[1:]
    assert len(stages) == 2
    assert "--require-hashes --only-binary :all:" in stages[0].replace(" \\\n        ", " ")
    assert re.search(r"^USER (\d+)$", stages[1], re.MULTILINE)
    assert stages[1].index("USER ") < stages[1].index("ENTRYPOINT")
    assert "HEALTHCHECK" in stages[1]


def test_the_health_check_asks_where_the_boundary_answers() -> None:
    """The same port in both."""
    [asked] = re.findall(r"urlopen\('http://127\.0\.0\.1:(\d+)/'", CONTAINERFILE)
    assert f"helm_health=0.0.0.0:{asked}" in CONTAINERFILE


def test_what_compose_gives_the_boundary_are_options_that_it_has() -> None:
    """Of `run`, and of mitmproxy or ours behind --set."""
    names = {name for parameter in run.get_params(Context(run)) for name in parameter.opts}
    known = {option[0] for option in OPTIONS} | {"confdir", "block_global"}
    for argument in COMPOSE["services"]["one"]["command"]:
        flag, _, value = argument.partition("=")
        assert flag in names, flag
        if flag == "--set":
            assert value.partition("=")[0] in known


def test_compose_has_a_fleet_that_only_the_balancer_opens() -> None:
    """Two boundaries alike but for their volumes, one port for clients, on this machine."""
    services = COMPOSE["services"]
    one, two = ({**services[name], "volumes": None} for name in ("one", "two"))
    assert one == two
    assert services["one"]["volumes"] != services["two"]["volumes"]
    assert [name for name, each in services.items() if "ports" in each] == ["balancer"]
    assert "PGPASSWORD" in services["one"]["environment"]
    assert services["balancer"]["ports"] == ["127.0.0.1:8080:8080"]
    assert COMPOSE["networks"]["fleet"]["internal"] is True
    # Docker publishes no port of a container that is in internal networks alone.
    others = set(services["balancer"]["networks"]) - {"fleet", "outside"}
    assert [name for name in others if not COMPOSE["networks"][name].get("internal")] == ["front"]
    assert [name for name, each in services.items() if "outside" in each["networks"]] == [
        "one", "two",
    ]  # fmt: skip
    for name in ("one", "two", "balancer"):
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["read_only"] is True


def test_everything_that_is_named_in_compose_is_there() -> None:
    """Volumes, networks, secrets, the files that are mounted, the variables of HAProxy."""
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("../"):
                assert (SERVICE / "compose" / source).exists(), source
            elif not source.startswith("./"):
                assert source in COMPOSE["volumes"]
        assert set(service.get("networks", ())) <= set(COMPOSE["networks"])
        assert set(service.get("secrets", ())) <= set(COMPOSE.get("secrets", ()))
    used = set(re.findall(r"\$\{(\w+)\}", (SERVICE / "haproxy" / "haproxy.cfg").read_text()))
    assert used == {"PROXY_ADDRESS", "STATS_SOCKET", "ONE", "ONE_HEALTH", "TWO", "TWO_HEALTH"}
    assert set(COMPOSE["services"]["balancer"]["environment"]) == used
