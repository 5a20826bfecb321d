"""`helm-boundary exec`: a program's environment, its limits, and the summary at the end.

The programs here are small ones of Python's standard library; the clients that people use are in
`test_installed.py`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from helm_boundary.runtime.health import Listener, socket_of
from support.company import CODE, FORBIDDEN, OPENAI, Company
from support.hands import STRANGER, as_root, serve_as_stranger
from support.standing import WELL

PYTHON = sys.executable
CHAT = """
import json, os, sys, urllib.error, urllib.request
url, words = sys.argv[1:]
asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": words}]}
request = urllib.request.Request(
    url + "/chat/completions", json.dumps(asked).encode(), {"Content-Type": "application/json"}
)
try:
    answer = json.load(urllib.request.urlopen(request, timeout=20))
    print(json.dumps({"text": answer["choices"][0]["message"]["content"]}))
except urllib.error.HTTPError as error:
    print(json.dumps({"status": error.code, "code": json.load(error)["error"]["code"]}))
except OSError as error:
    print(json.dumps({"error": str(error)}))
"""
GREETING = {"text": "Hello from the upstream."}
DENIED = {"status": 403, "code": CODE}


def test_a_call_goes_through_and_is_counted(company: Company) -> None:
    """A program that knows nothing of us makes its call; the summary has it with its receipt."""
    url = f"https://{OPENAI}/v1"
    finished = company.exec(PYTHON, "-c", CHAT, url, "Hello")
    assert (finished.code, finished.said) == (0, [GREETING]), finished
    [call] = finished.calls
    assert (call["verdict"], call["operation"]) == ("ALLOW", "createChatCompletion")
    assert call["model"] == "gpt-4o-mini"
    assert company.gateway.connections[OPENAI] == company.upstream.connections == 1


def test_a_denied_call_leaves_the_upstream_alone(company: Company) -> None:
    """The denial is in the answer and in the summary, with the reason's code."""
    finished = company.exec(PYTHON, "-c", CHAT, f"https://{OPENAI}/v1", FORBIDDEN)
    assert finished.said == [DENIED], finished
    assert [(call["verdict"], call["reasons"]) for call in finished.calls] == [("DENY", [CODE])]
    assert company.upstream.connections == 0


def test_base_urls_govern_a_program_that_ignores_proxies(company: Company) -> None:
    """With --base-url a program that only reads OPENAI_BASE_URL is governed too."""
    program = (
        "import os; [os.environ.pop(n, 0) for n in list(os.environ) if 'proxy' in n.lower()];"
        "import sys; sys.argv[1] = os.environ['OPENAI_BASE_URL'];" + CHAT
    )
    for words, expected in (("Hello", GREETING), (FORBIDDEN, DENIED)):
        finished = company.exec(
            *(PYTHON, "-c", program, "", words),
            options=("--base-url",),
            env={
                "OPENAI_BASE_URL": f"https://localhost:{company.upstream.port}/v1",
                "HTTPS_PROXY": "",
            },
        )
        assert finished.said == [expected], finished
        assert len(finished.calls) == 1
    assert company.upstream.connections == 1


def test_base_urls_work_behind_a_companys_proxy(company: Company) -> None:
    """Where the environment names a proxy, a reverse listener's calls leave by it too."""
    program = "import sys, os; sys.argv[1] = os.environ['OPENAI_BASE_URL'];" + CHAT
    for words, expected in (("Hello", GREETING), (FORBIDDEN, DENIED)):
        finished = company.exec(PYTHON, "-c", program, "", words, options=("--base-url",))
        assert finished.said == [expected], finished
        assert [call["host"] for call in finished.calls] == [f"{OPENAI}:443"]
    assert company.gateway.connections[OPENAI] == company.upstream.connections == 1


def test_a_base_url_that_is_set_already_keeps_its_target(company: Company) -> None:
    """The boundary comes in between; path and host stay what they were."""
    program = "import sys, os; sys.argv[1] = os.environ['OPENAI_BASE_URL'];" + CHAT
    target = f"https://localhost:{company.upstream.port}/other/v1"
    finished = company.exec(
        *(PYTHON, "-c", program, "", "Hello"),
        options=("--base-url",),
        env={"OPENAI_BASE_URL": target, "HTTPS_PROXY": ""},
    )
    assert finished.said == [GREETING], finished
    assert [request.path for request in company.upstream.requests] == ["/other/v1/chat/completions"]


def test_the_upstream_sees_no_direct_connection(company: Company) -> None:
    """With a route open to it, a program's calls still come from the boundary's address alone."""
    target = f"https://localhost:{company.upstream.port}/v1"
    finished = company.exec(
        *(PYTHON, "-c", CHAT, target, "Hello"),
        options=("--set", "connect_addr=127.0.0.9"),
        env={"HTTPS_PROXY": ""},
    )
    assert finished.said == [GREETING], finished
    assert company.upstream.peers == ["127.0.0.9"]


@pytest.mark.parametrize("code", [0, 7])
def test_the_exit_code_is_the_programs(company: Company, code: int) -> None:
    """Scripts that look at the exit code see what they would see without us."""
    assert company.exec("sh", "-c", f"exit {code}").code == code


def test_a_missing_program_ends_with_127(company: Company) -> None:
    """As in a shell: 127, and one line that names it."""
    finished = company.exec("no-such-program-here")
    assert (finished.code, finished.err) == (
        127,
        "helm-boundary: no-such-program-here: no such program\n",
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_reach_the_program(
    company: Company, number: signal.Signals, tmp_path: Path
) -> None:
    """The program gets the signal and its answer to it counts; nothing is left running."""
    program = (
        "import os, signal;"
        f"signal.pthread_sigmask(signal.SIG_BLOCK, {{{int(number)}}});"
        # One that comes before it is waited for isn't lost: with a handler and a sleep it could be.
        "os.write(1, b'ready\\n');"
        f"signal.sigwait({{{int(number)}}}); os.write(1, b'heard\\n'); os._exit(9)"
    )
    said = tmp_path / "said"
    with (
        said.open("wb") as errors,
        subprocess.Popen(
            [*company.command(), "--", PYTHON, "-c", program],
            env=company.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as running,
    ):
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            assert running.communicate(timeout=30)[0] == "heard\n", said.read_text()
    assert running.returncode == 9, said.read_text()
    assert list((company.state / "run").glob("*.sock")) == []


def test_a_program_killed_by_a_signal_ends_as_in_a_shell(company: Company) -> None:
    """As in a shell: 128 and the signal's number."""
    assert company.exec("sh", "-c", "kill -KILL $$").code == 128 + signal.SIGKILL


def test_an_unsafe_option_is_refused(company: Company) -> None:
    """A boundary that wouldn't be one isn't started, nor is the program."""
    finished = company.exec("touch", "ran", options=("--set", "ssl_insecure=true"))
    assert finished.code == 2
    assert "ssl_insecure" in finished.err
    assert not (company.home / "ran").exists()


def test_a_running_boundary_is_joined(company: Company) -> None:
    """With one on the same state folder `exec` starts no other, and `env` points at it."""
    command = [
        *(PYTHON, "-m", "helm_boundary", "run", "--port", "0", "--state", str(company.state)),
        *("--policy", str(company.policy), "--mode", f"upstream:{company.gateway.url}"),
        *("--set", f"ssl_verify_upstream_trusted_ca={company.authority.file}"),
    ]
    with subprocess.Popen(
        command, env=company.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as boundary:
        try:
            sockets = company.state / "run"
            until(lambda: sockets.is_dir() and any(sockets.glob("*.sock")))
            program = [*company.command()[:7], "--", "sh", "-c", 'ls "$0"; exec "$@"', str(sockets)]
            finished = subprocess.run(
                [*program, PYTHON, "-c", CHAT, f"https://{OPENAI}/v1", "Hello"],
                env=company.environment(),
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
            listed, answer = finished.stdout.splitlines()
            assert listed == f"{boundary.pid}.sock"
            assert json.loads(answer) == GREETING
            told = _env(company, "bash")
            sourced = subprocess.run(
                ["bash", "-c", f'{told}\nexec "$0" "$@"', PYTHON, "-c", CHAT,
                 f"https://{OPENAI}/v1", FORBIDDEN],
                env=company.environment(),
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )  # fmt: skip
            assert json.loads(sourced.stdout) == DENIED
        finally:
            boundary.terminate()
    assert boundary.returncode == 0


@as_root
@pytest.mark.parametrize("file_of_root", [True, False])
def test_a_boundary_of_another_user_is_not_joined(company: Company, file_of_root: bool) -> None:
    """Another user's process in `run/`: no program is sent to its proxy, nor a shell."""
    path = socket_of(company.state, 1)
    path.parent.mkdir(parents=True, mode=0o700)
    listener = Listener("regular", f"127.0.0.1:{company.gateway.port}")
    theirs = replace(WELL, listeners=(listener,), ca_file=str(company.authority.file))
    said = json.dumps(theirs.to_json())
    where = ("--state", str(company.state))
    with serve_as_stranger(path, said, file_of_root=file_of_root) as stranger:
        try:
            for words in (("exec", *where, "--", "touch", "ran"), ("env", *where)):
                done = subprocess.run(
                    [PYTHON, "-m", "helm_boundary", *words],
                    cwd=company.home,
                    env=company.environment(),
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=False,
                )
                assert (done.returncode, done.stdout) == (2, ""), done
                [line] = done.stderr.splitlines()
                assert str(path) in line
                assert f"user {STRANGER}" in line
        finally:
            stranger.kill()
    assert not (company.home / "ran").exists()
    assert sum(company.gateway.connections.values()) == company.upstream.connections == 0


def test_a_world_writable_state_folder_is_refused(company: Company) -> None:
    """The program isn't run, and one line says what was found and what to do."""
    company.state.mkdir()
    company.state.chmod(0o777)
    finished = company.exec("touch", "ran")
    assert (finished.code, finished.out) == (2, "")
    [line] = finished.err.splitlines()
    assert f"expected {company.state} to be written by its owner only, found mode 0777" in line
    assert "chmod" in line
    assert not (company.home / "ran").exists()


def _env(company: Company, shell: str) -> str:
    command = [PYTHON, "-m", "helm_boundary", "env", "--state", str(company.state)]
    done = subprocess.run(
        [*command, "--shell", shell],
        env=company.environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def _namespaces() -> bool:
    unshare = shutil.which("unshare")
    return (
        unshare is not None
        and subprocess.run([unshare, "-Urn", "true"], check=False).returncode == 0
    )


namespaces = pytest.mark.skipif(
    not _namespaces(), reason="no user and network namespaces for this user here"
)
DIRECT = """
import json, socket, sys
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 3)
    print(json.dumps({"direct": "open"}))
except OSError as error:
    print(json.dumps({"direct": type(error).__name__}))
"""


@namespaces
def test_a_confined_program_makes_its_calls(company: Company) -> None:
    """Confined, a program still gets what the boundary allows, and no more."""
    url = f"https://{OPENAI}/v1"
    for words, expected in (("Hello", GREETING), (FORBIDDEN, DENIED)):
        finished = company.exec(PYTHON, "-c", CHAT, url, words, options=("--confine",))
        assert (finished.code, finished.said) == (0, [expected]), finished
    assert company.upstream.connections == 1


@namespaces
def test_a_confined_program_reaches_nothing_else(company: Company) -> None:
    """A raw socket to an address that is open to everybody else here ends at once."""
    port = str(company.upstream.port)
    assert company.exec(PYTHON, "-c", DIRECT, port).said == [{"direct": "open"}]
    confined = company.exec(PYTHON, "-c", DIRECT, port, options=("--confine",))
    assert confined.said == [{"direct": "ConnectionRefusedError"}], confined


@namespaces
def test_a_confined_program_can_not_escape_by_unsetting_variables(company: Company) -> None:
    """Without its proxy settings there is no name and no route left for it."""
    target = f"https://127.0.0.1:{company.upstream.port}/v1"
    finished = company.exec(
        *("env", "-u", "HTTPS_PROXY", "-u", "https_proxy", "-u", "ALL_PROXY", "-u", "all_proxy"),
        *(PYTHON, "-c", CHAT, target, "Hello"),
        options=("--confine",),
    )
    assert "error" in finished.said[0], finished
    assert company.upstream.connections == 0


@namespaces
def test_a_confined_program_keeps_its_user_and_exit_code(company: Company) -> None:
    """Inside, the program is who it was, and its exit code comes out."""
    finished = company.exec("sh", "-c", "id -u; exit 5", options=("--confine",))
    assert (finished.code, finished.out) == (5, f"{os.getuid()}\n"), finished
    gone = company.exec("no-such-program-here", options=("--confine",))
    assert gone.code == 127


ASK = """
import json, sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(sys.argv[1], timeout=20)
    print(json.dumps({"status": answer.status}))
except urllib.error.HTTPError as error:
    print(json.dumps({"status": error.code, "message": json.load(error)["error"]["message"]}))
"""


@namespaces
def test_a_confined_program_reaches_no_local_service_by_the_boundary(company: Company) -> None:
    """But the one that it was allowed; the refusal says how."""
    place = f"localhost:{company.upstream.port}"
    for url in (f"https://{place}/v1/models", f"https://127.0.0.1:{company.upstream.port}/"):
        asked = (PYTHON, "-c", ASK, url)
        finished = company.exec(*asked, options=("--confine",), env={"HTTPS_PROXY": ""})
        [said] = finished.said
        assert said["status"] == 403, finished
        assert "--allow-local" in said["message"]
    assert company.upstream.connections == 0
    finished = company.exec(
        *(PYTHON, "-c", ASK, f"https://{place}/v1/models"),
        options=("--confine", "--allow-local", place, "--allow-local", "127.0.0.1:1"),
        env={"HTTPS_PROXY": ""},
    )
    assert finished.said == [{"status": 200}], finished


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--allow-local", "localhost:80"), "needs --confine"),
        (("--confine", "--allow-local", "localhost"), "expected HOST:PORT"),
        (("--confine", "--allow-local", "any"), "expected HOST:PORT"),
    ],
)
def test_what_cant_be_allowed_is_a_wrong_usage(
    company: Company, options: tuple[str, ...], told: str
) -> None:
    """Nothing is started."""
    finished = company.exec("touch", "ran", options=options)
    assert (finished.code, told in finished.err) == (2, True), finished
    assert not (company.home / "ran").exists()


@namespaces
def test_base_urls_work_confined(company: Company) -> None:
    """Every reverse listener is there inside as well."""
    program = "import sys, os; sys.argv[1] = os.environ['OPENAI_BASE_URL'];" + CHAT
    finished = company.exec(PYTHON, "-c", program, "", "Hello", options=("--confine", "--base-url"))
    assert finished.said == [GREETING], finished


def test_the_boundary_ends_when_its_exec_is_killed(company: Company, tmp_path: Path) -> None:
    """SIGKILL to `exec` leaves no boundary behind."""
    with subprocess.Popen(
        [*company.command(), "--", "sh", "-c", "echo ready; sleep 3"],
        env=company.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        [socket] = (company.state / "run").glob("*.sock")
        running.kill()
        until(lambda: not socket.exists())
