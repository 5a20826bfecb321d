"""The variables that bring a program under the boundary, in the syntax of each shell."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helm_boundary.clients.environment import Route, Trust, variables
from helm_boundary.clients.providers import redirections
from helm_boundary.clients.shells import script, shell_of
from support.installed import on_path

TRUST = Trust(
    Path("/s/bundle.pem"), Path("/s/certs"), Path("/s/java.p12"), Path("/s/php"), Path("/s/wgetrc")
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ("ALL_PROXY", "http://127.0.0.1:1"),
        ("https_proxy", "http://127.0.0.1:1"),
        ("NO_PROXY", ""),
        ("no_proxy", ""),
        ("SSL_CERT_FILE", "/s/bundle.pem"),
        ("SSL_CERT_DIR", "/s/certs"),
        ("REQUESTS_CA_BUNDLE", "/s/bundle.pem"),
        ("CURL_CA_BUNDLE", "/s/bundle.pem"),
        ("NODE_EXTRA_CA_CERTS", "/s/bundle.pem"),
        ("NODE_USE_ENV_PROXY", "1"),
        ("GIT_SSL_CAINFO", "/s/bundle.pem"),
        ("AWS_CA_BUNDLE", "/s/bundle.pem"),
        ("DENO_CERT", "/s/bundle.pem"),
        ("PERL_LWP_SSL_CA_FILE", "/s/bundle.pem"),
        ("PERL_LWP_ENV_PROXY", "1"),
        ("PHP_INI_SCAN_DIR", ":/s/php"),
        ("SYSTEM_WGETRC", "/s/wgetrc"),
    ],
)
def test_every_variable_leads_to_the_boundary_or_its_bundle(name: str, value: str) -> None:
    """Every variable that some client reads leads to the boundary or to its bundle."""
    assert variables(Route("127.0.0.1:1", TRUST))[name] == value


def test_java_is_configured_by_java_tool_options() -> None:
    """What JAVA_TOOL_OPTIONS held stays, and a path with a space stays one property."""
    trust = replace(TRUST, java_store=Path("/a b/java.p12"))
    held = {"JAVA_TOOL_OPTIONS": "-Xmx1g"}
    told = variables(Route("127.0.0.1:1", trust), held)["JAVA_TOOL_OPTIONS"]
    assert told.startswith("-Xmx1g -Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=1 ")
    assert '-Djavax.net.ssl.trustStore="/a b/java.p12"' in told
    assert "-Dhttp.nonProxyHosts= " in told


def test_base_urls_are_reached_directly() -> None:
    """The listeners' address is no proxied one: a call must be judged once."""
    told = variables(Route("127.0.0.1:1", TRUST, {"OPENAI_BASE_URL": "http://127.0.0.1:2/v1"}))
    assert told["OPENAI_BASE_URL"] == "http://127.0.0.1:2/v1"
    assert told["NO_PROXY"] == told["no_proxy"] == "127.0.0.1"


def test_base_urls_that_are_set_keep_their_target() -> None:
    """One listener an origin; a variable of the environment's own wins over the default."""
    found = redirections({"OPENAI_BASE_URL": "https://llm.example.test:8443/openai/v1/"})
    by_origin = {each.origin: each.variables for each in found}
    assert by_origin["https://llm.example.test:8443"] == {"OPENAI_BASE_URL": "/openai/v1"}
    assert by_origin["https://api.openai.com"] == {"OPENAI_API_BASE": "/v1"}
    assert by_origin["https://api.anthropic.com"]["ANTHROPIC_BASE_URL"] == ""
    assert not any("AZURE" in name for each in found for name in each.variables)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=30)


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_a_shell_reads_back_what_was_written(shell: str, tmp_path: Path) -> None:
    """No value is read as anything but itself: quotes, dollars, backslashes, spaces."""
    values = ["plain", "it's", "a b", "$HOME `x` $(y)", "\\'\\\\", 'say "no"', ""]
    told = {f"V{number}": value for number, value in enumerate(values)}
    done = subprocess.run(
        [on_path(shell), "-c", script(shell, told) + "env -0"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        check=True,
        timeout=20,
    )
    found = dict(each.split("=", 1) for each in done.stdout.decode().split("\0") if "=" in each)
    assert {name: found[name] for name in told} == told


@given(TEXTS)
def test_powershell_quotes_are_doubled(value: str) -> None:
    """Taking the quotes off as about_Quoting_Rules says gives the value back."""
    line = script("powershell", {"V": value})
    assert line.removeprefix("$Env:V = '").removesuffix("'\n").replace("''", "'") == value
    assert line.count("'") % 2 == 0


@pytest.mark.skipif(shutil.which("pwsh") is None, reason="no PowerShell here")
def test_powershell_reads_back_what_was_written() -> None:
    """PowerShell sets what was meant."""
    told = script("pwsh", {"V": "it's $HOME"})
    done = subprocess.run(
        ["pwsh", "-NoProfile", "-Command", told + "$Env:V"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "it's $HOME"


@pytest.mark.parametrize(
    ("path", "shell"),
    [("/usr/bin/fish", "fish"), ("/bin/zsh", "zsh"), ("", "bash"), ("/x", "bash")],
)
def test_the_shell_is_the_one_in_the_shell_variable(path: str, shell: str) -> None:
    """$SHELL decides, and bash's language is what most others read."""
    assert shell_of(path) == shell
