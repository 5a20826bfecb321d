"""NO_PROXY and the proxy variables, and what they mean for a host."""

from __future__ import annotations

import pytest

from helm_boundary.doctor.diagnosis import exit_code
from helm_boundary.doctor.environment_checks import bypassed, look_at_exceptions, proxy_for
from helm_boundary.doctor.finding import NO, UNKNOWN, YES, Finding
from helm_boundary.doctor.route_checks import Target, targets

HOST = "api.openai.com"


@pytest.mark.parametrize(
    ("no_proxy", "entry"),
    [
        ("", None),
        ("localhost,127.0.0.1", None),
        (HOST, HOST),
        ("openai.com", "openai.com"),
        (".openai.com", ".openai.com"),
        ("*.openai.com", "*.openai.com"),
        ("localhost, OpenAI.com", "OpenAI.com"),
        ("localhost openai.com:443", "openai.com:443"),
        ("*", "*"),
        ("penai.com,api.openai.com.evil", None),
    ],
)
def test_a_no_proxy_entry_covers_its_name_and_subdomains(no_proxy: str, entry: str | None) -> None:
    """An entry counts for its name and what is under it, as most clients read it."""
    assert bypassed(HOST, {"NO_PROXY": no_proxy}) == entry
    finding = look_at_exceptions([Target(HOST)], {"no_proxy": no_proxy})
    assert finding.answer == (NO if entry else YES)


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({"HTTPS_PROXY": "http://a:1"}, "http://a:1"),
        ({"https_proxy": "http://a:1"}, "http://a:1"),
        ({"ALL_PROXY": "http://b:1"}, "http://b:1"),
        ({"HTTPS_PROXY": "http://a:1", "ALL_PROXY": "http://b:1"}, "http://a:1"),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "openai.com"}, None),
    ],
)
def test_the_proxy_for_a_host_comes_from_the_environment(
    environment: dict[str, str], proxy: str | None
) -> None:
    """HTTPS_PROXY before ALL_PROXY, and NO_PROXY before both."""
    assert proxy_for(Target(HOST), environment) == proxy


def test_targets_are_governed_hosts_and_base_urls() -> None:
    """Hosts with a name of their own, once each, and those of base URLs; no wildcards."""
    found = targets(
        (HOST, "*.openai.azure.com", "openrouter.ai/api/", "a.example.test:8443", HOST),
        {"OPENAI_BASE_URL": "https://b.example.test:9/v1", "GROQ_BASE_URL": "http://127.0.0.1:1"},
    )
    assert found == [
        Target(HOST),
        Target("openrouter.ai"),
        Target("a.example.test", 8443),
        Target("b.example.test", 9),
    ]


@pytest.mark.parametrize(
    ("answers", "code"),
    [((YES,), 0), ((YES, UNKNOWN), 3), ((NO, UNKNOWN, YES), 1), ((YES, NO), 1)],
)
def test_the_exit_code_follows_from_the_findings(answers: tuple[str, ...], code: int) -> None:
    """0 for all well, 1 for anything that isn't, 3 for what couldn't be seen."""
    assert exit_code([Finding("", answer, "") for answer in answers]) == code
