"""Options: read, checked, and refused in words that name them; unsafe ones of mitmproxy's too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.addonmanager import Loader
from mitmproxy.test import taddons

from helm_boundary.calls.hosts import parse_host_pattern
from helm_boundary.runtime.options import ConfigError, add_options, read_config
from helm_boundary.runtime.unsafe_options import SAFE_DEFAULTS, safe_defaults, unsafe_options


@pytest.fixture
def options() -> Iterator[Any]:
    """Mitmproxy's options with ours added."""
    with taddons.context() as context:
        add_options(Loader(context.master))
        yield context.options


def test_the_defaults_are_readable(options: Any) -> None:
    """What is shipped starts."""
    config = read_config(options)
    assert config.mode == "enforce"
    assert config.on_deny == "respond"
    assert config.max_body == 32 << 20
    assert config.state.is_absolute()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("helm_mode", "enforc"),
        ("helm_on_deny", "ignore"),
        ("helm_on_escalate", "allow"),
        ("helm_max_body", "lots"),
        ("helm_max_body", "1"),
        ("helm_max_body", "2g"),
        ("helm_deadline_ms", 0),
        ("helm_deadline_ms", 10**6),
        ("helm_hold_seconds", 0),
        ("helm_hosts", ["*"]),
        ("helm_hosts", []),
        ("helm_hosts", ["api.openai.com,api.anthropic.com"]),
        ("helm_hosts", ["+llm.example.com", "api.openai.com"]),
        ("helm_hosts", ["+"]),
        ("helm_hosts", ["++llm.example.com"]),
        ("helm_notify_arguments", True),
        ("helm_page", "0.0.0.0:8082"),
        ("helm_page", "192.0.2.1:80"),
        ("helm_page", "8082"),
        ("helm_page", "127.0.0.1:x"),
        ("helm_metrics", "9464"),
        ("helm_metrics", "nowhere:1"),
        ("helm_metrics", "127.0.0.1:99999"),
        ("helm_decision_logs", "ftp://example.com"),
        ("helm_decision_logs", "https://user:password@example.com"),
        ("helm_decision_logs", "https://"),
        ("helm_decision_logs", "syslog://"),
    ],
)
def test_a_bad_value_is_refused_by_name(options: Any, name: str, value: Any) -> None:
    """The message starts with the option."""
    options.update(**{name: value})
    with pytest.raises(ConfigError, match=f"^{name}: "):
        read_config(options)


def test_a_desktop_without_a_program_for_notices_is_refused(
    options: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """Whoever relies on it would wait for nothing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    options.update(helm_notify_desktop=True)
    with pytest.raises(ConfigError, match=r"^helm_notify_desktop: .*notify-send.*leave it off"):
        read_config(options)


def test_hosts_in_one_value_are_refused_with_the_way_to_write_several(options: Any) -> None:
    """The commonest mistake: it would match no host at all."""
    options.update(helm_hosts=["api.openai.com api.anthropic.com"])
    with pytest.raises(ConfigError, match=r"repeat `--set helm_hosts=.*config\.yaml"):
        read_config(options)


def test_hosts_with_a_plus_are_added_to_the_default_list(options: Any) -> None:
    """Without one the list is replaced, as mitmproxy does with every list."""
    default = read_config(options).hosts
    options.update(helm_hosts=["+llm.example.com", "+*.models.example:8443/v1/"])
    added = tuple(map(parse_host_pattern, ("llm.example.com", "*.models.example:8443/v1/")))
    assert read_config(options).hosts == (*default, *added)
    options.update(helm_hosts=["llm.example.com"])
    assert read_config(options).hosts == added[:1]


@pytest.mark.parametrize(
    ("name", "value"), [("helm_policy", ["/policy"]), ("helm_policy_key", "/key.pem")]
)
def test_what_an_opa_server_would_make_void_is_refused(options: Any, name: str, value: Any) -> None:
    """A policy that seems to be in force and isn't is no policy."""
    options.update(helm_opa_url="http://127.0.0.1:8181")
    assert read_config(options).opa_url
    options.update(**{name: value})
    with pytest.raises(ConfigError, match=f"^{name}: .*helm_opa_url"):
        read_config(options)


def test_two_engines_are_refused(options: Any) -> None:
    """One decides."""
    options.update(helm_engine="opa")
    assert read_config(options).engine == "opa"
    options.update(helm_opa_url="http://127.0.0.1:8181")
    with pytest.raises(ConfigError, match=r"^helm_engine: .*helm_opa_url"):
        read_config(options)


def test_an_option_that_isnt_there_is_refused(options: Any) -> None:
    """Mitmproxy would keep it for later and say nothing."""
    options.set("helm_polcy=/x", defer=True)
    with pytest.raises(ConfigError, match=r"helm_polcy: .*did you mean helm_policy"):
        read_config(options)


def test_paths_are_made_absolute(options: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """Relative to where mitmproxy was started, and with a home folder."""
    monkeypatch.chdir(tmp_path)
    options.update(helm_policy=["mine"], helm_state="~/state")
    config = read_config(options)
    assert config.policy == (str(tmp_path / "mine"),)
    assert "~" not in str(config.state)


SAFE = {
    name: value for name, (value, _) in SAFE_DEFAULTS.items()
}  # fmt: skip
UNSAFE = {
    "stream_large_bodies": "1m",
    "ignore_hosts": ["x"],
    "allow_hosts": ["x"],
    "tcp_hosts": ["x"],
    "udp_hosts": ["x"],
    "ssl_insecure": True,
    "validate_inbound_headers": False,
    "connection_strategy": "eager",
    "rawtcp": True,
    "body_size_limit": None,
    "mode": ["reverse:tcp://127.0.0.1:1"],
}


DEFAULTS = {
    "stream_large_bodies": None,
    "ignore_hosts": [],
    "allow_hosts": [],
    "tcp_hosts": [],
    "udp_hosts": [],
    "ssl_insecure": False,
    "validate_inbound_headers": True,
    "connection_strategy": "eager",
    "rawtcp": True,
    "body_size_limit": None,
    "mode": ["regular"],
}


def test_mitmproxys_defaults_are_made_safe_and_then_are() -> None:
    """Setting what `safe_defaults` says leaves nothing to complain about."""
    values: Any = SimpleNamespace(**DEFAULTS)
    changes = safe_defaults(values, DEFAULTS.__getitem__)
    assert changes == SAFE
    safe: Any = SimpleNamespace(**{**DEFAULTS, **changes})
    assert unsafe_options(safe) == []
    assert safe_defaults(safe, DEFAULTS.__getitem__) == {}


@pytest.mark.parametrize("name", UNSAFE)
def test_each_unsafe_option_is_named_with_a_remedy(name: str) -> None:
    """One line each, which begins with the option and its value."""
    values: Any = SimpleNamespace(**{**DEFAULTS, **SAFE, name: UNSAFE[name]})
    (line,) = unsafe_options(values)
    assert line.startswith(f"{name}=")
    assert ": " in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("helm_page", "localhost:8082"),
        ("helm_page", "[::1]:0"),
        ("helm_metrics", "0.0.0.0:9464"),
        ("helm_decision_logs", "https://logs.example.com/opa"),
        ("helm_decision_logs", "syslog+tcp://127.0.0.1:6514"),
        ("helm_decision_logs", "decisions.jsonl"),
    ],
)
def test_an_address_to_listen_or_ship_to_is_read(options: Any, name: str, value: str) -> None:
    """The page is for this machine alone; Prometheus may come from elsewhere."""
    options.update(**{name: value})
    read_config(options)


def test_what_needs_a_library_says_which_extra_has_it(
    options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An option whose library isn't installed is a refusal to start, with the remedy."""
    monkeypatch.setattr("helm_boundary.runtime.extras.find_spec", lambda _: None)
    for name, value, extra in (
        ("helm_metrics", "127.0.0.1:0", "metrics"),
        ("helm_telemetry", True, "telemetry"),
    ):
        options.update(**{name: value})
        with pytest.raises(ConfigError, match=rf"^{name}: needs .*helm-boundary\[{extra}\]"):
            read_config(options)
        options.reset()
