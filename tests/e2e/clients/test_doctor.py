"""`helm-boundary doctor` tells a machine that is under the boundary from one that isn't."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from support.company import HOSTS, OPENAI, Company

SMALL = ("--own", *(part for host in HOSTS[:2] for part in ("--set", f"helm_hosts={host}")))


def doctor(company: Company, *more: str) -> list[str]:
    """Run the command on the company's state and policy."""
    where = ("--state", str(company.state), "--policy", str(company.policy))
    return [sys.executable, "-m", "helm_boundary", "doctor", "--json", *where, *more]


def no(said: list[dict[str, str]]) -> set[str]:
    """Return what isn't well."""
    return {finding["looked_at"] for finding in said if finding["answer"] != "yes"}


def test_every_check_passes_under_exec(company: Company) -> None:
    """Every answer is yes, for each governed host too; no upstream is bothered for it."""
    finished = company.exec(*doctor(company), options=SMALL)
    assert (finished.code, no(finished.said)) == (0, set()), finished
    looked_at = {finding["looked_at"] for finding in finished.said}
    assert {f"calls to {host}:443 go through it" for host in HOSTS[:2]} <= looked_at
    assert company.upstream.connections == 0


def test_another_policy_is_reported(company: Company) -> None:
    """The policy in force is compared with the one that was named."""
    other = company.home / "other"
    other.mkdir()
    (other / "data.yaml").write_text("tools: {allow: [search]}")
    command = [str(other) if part == str(company.policy) else part for part in doctor(company)]
    finished = company.exec(*command, options=SMALL)
    assert finished.code == 1
    assert no(finished.said) == {"the policy is the one expected"}


def test_calls_past_the_boundary_are_reported(company: Company) -> None:
    """A program that puts the old proxy back, and trusts the old roots: both are seen."""
    put_back = (
        *("env", f"HTTPS_PROXY={company.gateway.url}", f"https_proxy={company.gateway.url}"),
        f"REQUESTS_CA_BUNDLE={company.authority.file}",
    )
    finished = company.exec(*put_back, *doctor(company), options=SMALL)
    assert finished.code == 1
    assert no(finished.said) == {
        *(f"calls to {host}:443 go through it" for host in HOSTS[:2]),
        "clients that read REQUESTS_CA_BUNDLE trust it",
    }
    assert not company.upstream.requests


def test_a_governed_host_in_no_proxy_is_reported(company: Company) -> None:
    """NO_PROXY with a governed host in it: named, with what to do."""
    finished = company.exec("env", f"NO_PROXY={OPENAI}", f"no_proxy={OPENAI}", *doctor(company),
                            options=SMALL)  # fmt: skip
    [finding] = [each for each in finished.said if each["looked_at"].startswith("NO_PROXY")]
    assert finding["answer"] == "no"
    assert finding["found"] == f"{OPENAI} for {OPENAI}"
    assert finding["remedy"]


def test_a_missing_boundary_is_reported(tmp_path: Path) -> None:
    """Without a boundary the first line says so; `--up` says it with its exit code alone."""
    command = [sys.executable, "-m", "helm_boundary", "doctor", "--state", str(tmp_path)]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout.splitlines()[0])["answer"] == "no"
    assert subprocess.run([*command, "--up"], check=False).returncode == 1
