"""What `exec` tells of programs that go around the boundary, or can't go through it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

from support.company import FORBIDDEN, OPENAI, Company, Finished
from support.upstream import Reply

PYTHON = sys.executable
linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells whose connections are")
AROUND = """
import http.client, ssl, sys, time
context = ssl._create_unverified_context()
connection = http.client.HTTPSConnection("localhost", int(sys.argv[1]), context=context)
connection.request("POST", "/v1/chat/completions", b"{}")
time.sleep(0.4)
connection.getresponse().read()
"""
OWN = """
import socket, time
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
time.sleep(0.4)
"""
DISTRUSTFUL = """
import os, ssl, urllib.request
context = ssl.create_default_context(cadata=open(os.environ["THEIRS"]).read())
context.check_hostname = False
opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
try:
    opener.open("https://api.openai.com/v1/models", timeout=20)
except OSError as error:
    print(error)
"""
CHAT = """
import json, ssl, sys, urllib.error, urllib.request
asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": sys.argv[2]}]}
request = urllib.request.Request(
    sys.argv[1], json.dumps(asked).encode(), {"Content-Type": "application/json"}
)
try:
    print(json.dumps({"status": urllib.request.urlopen(request, timeout=20).status}))
except urllib.error.HTTPError as error:
    print(json.dumps({"status": error.code, "said": error.read().decode()}))
"""


def told(finished: Finished) -> dict[str, Any]:
    """Return the summary, which is one line of JSON."""
    return dict(json.loads(finished.err.rstrip().rpartition("\n")[2]))


@linux
def test_a_connection_past_the_boundary_is_told(company: Company) -> None:
    """Python's http.client reads no proxy variable: its call is seen to go around."""
    finished = company.exec(PYTHON, "-c", AROUND, str(company.upstream.port))
    [outside] = told(finished)["outside"]
    assert outside["program"].startswith("python")
    assert (outside["host"], outside["port"]) == ("127.0.0.1", company.upstream.port)
    assert finished.calls == []
    assert len(company.upstream.requests) == 1


@linux
def test_a_programs_own_server_is_no_way_out(company: Company) -> None:
    """What a program serves itself, and what goes through the boundary, isn't told."""
    assert told(company.exec(PYTHON, "-c", OWN))["outside"] == []
    through = company.exec(PYTHON, "-c", CHAT, f"https://{OPENAI}/v1/chat/completions", "Hello")
    assert (through.said, told(through)["outside"]) == ([{"status": 200}], [])


@linux
def test_a_program_that_does_not_trust_the_authority_is_told(company: Company) -> None:
    """A program with roots of its own makes no call; the summary says what its kind reads."""
    finished = company.exec(PYTHON, "-c", DISTRUSTFUL, env={"THEIRS": str(company.authority.file)})
    assert "CERTIFICATE_VERIFY_FAILED" in finished.out
    [distrust] = told(finished)["distrust"]
    assert distrust["program"].startswith("python")
    assert (distrust["host"], distrust["times"]) == (OPENAI, 1)
    assert "SSL_CERT_FILE" in distrust["reads"]


def test_the_summary_says_it_in_words(company: Company) -> None:
    """For people there is a line for each, with what to do."""
    command = [each for each in company.command() if each != "--json"]
    program = [*command, "--", PYTHON, "-c", DISTRUSTFUL]
    done = subprocess.run(
        program,
        env=company.environment(THEIRS=str(company.authority.file)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (
        "doesn't trust the boundary's authority: 1 failed connection to api.openai" in done.stderr
    )


def test_a_companys_authority_is_trusted_wherever_it_is_named(company: Company) -> None:
    """The variable that one kind of client reads is enough for the way to the upstream."""
    env = {"SSL_CERT_FILE": "", "NODE_EXTRA_CA_CERTS": str(company.authority.file)}
    target = f"https://{OPENAI}/v1/chat/completions"
    assert company.exec(PYTHON, "-c", CHAT, target, "Hello", env=env).said == [{"status": 200}]


def test_an_upstream_that_is_not_trusted_is_told_with_the_remedy(company: Company) -> None:
    """A 502 says what to set, and counts as no answer."""
    target = f"https://{OPENAI}/v1/chat/completions"
    finished = company.exec(PYTHON, "-c", CHAT, target, "Hello", env={"SSL_CERT_FILE": ""})
    [said] = finished.said
    assert said["status"] == 502
    assert "ssl_verify_upstream_trusted_ca" in said["said"]
    assert [(call["verdict"], call["end"]) for call in finished.calls] == [
        ("ALLOW", "upstream_error")
    ]


def test_no_proxy_is_honoured_behind_a_companys_proxy(company: Company) -> None:
    """What is reached without the company's proxy still is, and is judged on its way."""
    url = f"https://localhost:{company.upstream.port}/v1/chat/completions"
    for entry, reached in (("localhost", True), ("", False)):
        finished = company.exec(PYTHON, "-c", CHAT, url, "Hello", env={"NO_PROXY": entry})
        assert [each["status"] == 200 for each in finished.said] == [reached], finished
        assert len(finished.calls) == 1
    assert company.gateway.refused == [f"localhost:{company.upstream.port}"]
    seen = len(company.upstream.requests)
    denied = company.exec(PYTHON, "-c", CHAT, url, FORBIDDEN, env={"NO_PROXY": "localhost"})
    assert denied.said[0]["status"] == 403
    assert len(company.upstream.requests) == seen


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("wget", ["wget", "-qO-", "--content-on-error", f"https://{OPENAI}/v1/models"]),
        (
            "perl",
            [
                "perl",
                "-MLWP::UserAgent",
                "-e",
                f"print LWP::UserAgent->new->get('https://{OPENAI}/v1/models')->content",
            ],
        ),
        (
            "php",
            [
                "php",
                "-r",
                f"$c = curl_init('https://{OPENAI}/v1/models'); curl_exec($c);",
            ],
        ),
        ("ruby", ["ruby", "-ropen-uri", "-e", f"puts URI.open('https://{OPENAI}/v1/models').read"]),
    ],
)
def test_clients_of_other_languages_go_through(
    company: Company, program: str, command: list[str]
) -> None:
    """Each by the variables that its kind reads, without an argument of ours."""
    if shutil.which(program) is None:
        pytest.skip(f"no {program}")
    company.upstream.answer(lambda _: Reply.json({"object": "list", "data": []}))
    finished = company.exec(*command)
    if "Can't locate" in finished.err:
        pytest.skip("no LWP")
    assert '"object": "list"' in finished.out, finished
    assert [call["operation"] for call in finished.calls] == ["listModels"]
