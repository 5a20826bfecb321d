"""Which boundary `helm-boundary exec` puts a program under, and what it says of that."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from helm_boundary.approvals.store import Store
from helm_boundary.cli import main
from helm_boundary.runtime.health import ask, socket_of
from support.approvals import until
from support.boundary import ADDON
from support.company import FORBIDDEN, OPENAI, Company

CHAT = """
import json, sys, urllib.error, urllib.request
url, words = sys.argv[1:]
asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": words}]}
request = urllib.request.Request(
    url + "/chat/completions", json.dumps(asked).encode(), {"Content-Type": "application/json"}
)
try:
    print(json.load(urllib.request.urlopen(request, timeout=20))["object"])
except urllib.error.HTTPError as error:
    print(error.code, json.load(error)["error"]["message"])
"""
PROGRAM = (sys.executable, "-c", CHAT, f"https://{OPENAI}/v1")


def said(company: Company, *options: str, program: tuple[str, ...] = ("true",)) -> str:
    """Run a program under `exec` without --json and without a policy; returns what exec printed."""
    done = subprocess.run(
        [sys.executable, "-m", "helm_boundary", "exec", "--state", str(company.state), *options,
         "--", *program],
        env=company.environment(),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def run(company: Company, *options: str) -> subprocess.Popen[bytes]:
    """Start a boundary by itself, and wait until it is ready."""
    command = [sys.executable, "-m", "helm_boundary", "run", "--port", "0"]
    where = ["--state", str(company.state), "--mode", f"upstream:{company.gateway.url}"]
    trust = ["--set", f"ssl_verify_upstream_trusted_ca={company.authority.file}"]
    process = subprocess.Popen(
        [*command, *where, *trust, *options],
        env=company.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: is_ready(company, process.pid), 60)
    return process


def is_ready(company: Company, pid: int) -> bool:
    """Tell whether a boundary says that it judges calls."""
    place = socket_of(company.state, pid)
    health = ask(place) if place.exists() else None
    return health is not None and health.ready


def test_a_program_that_is_observed_is_let_do_what_it_likes(company: Company) -> None:
    """And the summary says of a denial that it took no effect."""
    options = ("--observe", "--policy", str(company.policy))
    printed = said(company, *options, program=(*PROGRAM, FORBIDDEN))
    assert "chat.completion" in printed
    assert "helm-boundary: observe: the boundary of process" in printed
    assert "1 call: 1 DENY (OBSERVED)" in printed


@pytest.mark.slow
def test_only_a_boundary_of_the_same_mode_is_joined(company: Company) -> None:
    """A program that is to be governed isn't put under one that only watches."""
    with run(company, "--set", "helm_mode=observe") as watching:
        try:
            told = said(company)
            assert "enforce: the boundary of process" in told
            assert f"process {watching.pid} " not in told
            joined = f"process {watching.pid} (joined, as it runs)"
            # One that is too busy to answer is taken for none, and another one is started.
            assert until(lambda: joined in said(company, "--observe"), 120)
        finally:
            watching.terminate()


def test_a_boundary_that_ends_with_another_program_is_not_joined(company: Company) -> None:
    """It would be gone in the middle of the work."""
    sockets = company.state / "run"
    first = subprocess.Popen(
        [sys.executable, "-m", "helm_boundary", "exec", "--state", str(company.state), "--",
         "sleep", "60"],
        env=company.environment(),
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: any(is_ready(company, int(each.stem)) for each in sockets.glob("*.sock")), 60)
        assert "(started for this program)" in said(company)
    finally:
        first.terminate()
        first.wait()


def test_what_others_are_granted_is_not_a_call_of_the_program(company: Company) -> None:
    """A question of before is answered while it runs; it made no call."""
    (company.policy / "data.yaml").write_text("rules: {words.forbidden: escalate}")
    asked = said(company, "--policy", str(company.policy), program=(*PROGRAM, FORBIDDEN))
    assert "1 ESCALATE" in asked
    (question,) = Store.open(company.state).pending(time.time_ns())
    approve = ("approvals", "approve", "--yes", "--state", str(company.state), question.id)
    program = (sys.executable, "-m", "helm_boundary", *approve)
    assert "no OpenAI-shaped calls" in said(company, program=program)


def test_a_boundary_that_does_not_start_says_why_in_one_line(
    company: Company, tmp_path: Path
) -> None:
    """Without the lines that mitmproxy logs before."""
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "data.yaml").write_text("tools:\n  alow: [Bash]\n")
    printed = said(company, "--policy", str(tmp_path / "bad"))
    assert len(printed.splitlines()) == 1
    assert "data.yaml:2: data.tools.alow: is no setting" in printed


@pytest.mark.parametrize("command", [("receipts", "list"), ("exec",), ("run",), ("doctor",)])
def test_an_address_is_no_state_folder(command: tuple[str, ...]) -> None:
    """Nor is a folder of that name made."""
    words = [*command, "--state", "redis://a/x"]
    result = CliRunner().invoke(main, [*words, *(("--", "true") if "exec" in command else ())])
    assert result.exit_code == 2
    assert "expected a folder, found an address (redis:…)" in result.output


def test_an_address_is_no_state_folder_of_mitmproxys_option_either(tmp_path: Path) -> None:
    """The boundary doesn't start."""
    done = subprocess.run(
        [Path(sys.executable).parent / "mitmdump", "-s", ADDON, "--listen-port", "0",
         "--set", f"confdir={tmp_path}", "--set", "helm_state=https://a/x"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "helm_state: expected a folder, found an address (https:…)" in done.stdout + done.stderr
    assert not (tmp_path / "https:").exists()


def test_a_closed_pipe_is_no_error(company: Company) -> None:
    """Whoever reads only the first lines has read enough."""
    said(company)
    command = f"{sys.executable} -m helm_boundary receipts list --json --state {company.state}"
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -n 1; "
                       f"{command} | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )  # fmt: skip
    first, code = done.stdout.splitlines()
    assert json.loads(first)["phase"] == "session"
    assert code == "0"
    assert done.stderr == ""
