"""`docs/options.md`, from the table of options."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from helm_boundary.runtime.options import OPTIONS
from helm_boundary.runtime.unsafe_options import SAFE_DEFAULTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "options.md"

_HEAD = """# Options

Generated from the table of options by `scripts/options_page`; `scripts/test` compares the two.

Set an option with `--set name=value`, or in mitmproxy's `config.yaml`. An option that takes
several values gets one `--set` for each. Options are read at start and can't be changed while the
boundary runs; a policy can. A bad value is a refusal to start, with one line that names the option
and what it takes."""

_HOSTS = """## Governed hosts by default

`helm_hosts` replaces this list. With `+` before every host it adds to it, as in
`--set helm_hosts=+llm.example.com`:"""

_SAFE = """## mitmproxy's own options

Where mitmproxy's default is unsafe, the boundary sets a safe value and says so:"""

_REFUSED = """Any other value of these is a refusal to start, and so is `stream_large_bodies`,
`ignore_hosts`, `allow_hosts`, `tcp_hosts`, `udp_hosts`, `ssl_insecure`,
`validate_inbound_headers=false`, or a reverse mode that isn't HTTP. `body_size_limit` may have
another size, but not none."""


def options_page() -> str:
    """The whole page."""
    return "\n\n".join(
        (_HEAD, _options(), _HOSTS, _hosts(), _SAFE, _safe_defaults(), f"{_REFUSED}\n")
    )


def _options() -> str:
    rows = (
        (f"`{name}`", _kind(kind, choices), _default(default), text)
        for name, kind, default, text, choices in OPTIONS
    )
    return _table(("option", "takes", "default", "what it is"), rows)


def _hosts() -> str:
    [hosts] = [default for name, _, default, *_ in OPTIONS if name == "helm_hosts"]
    return "\n".join(f"- `{host}`" for host in hosts)


def _safe_defaults() -> str:
    rows = ((f"`{name}`", _default(value), why) for name, (value, why) in SAFE_DEFAULTS.items())
    return _table(("option", "value", "why"), rows)


def _kind(kind: Any, choices: Sequence[str] | None) -> str:
    if choices:
        return " or ".join(f"`{choice}`" for choice in choices)
    return {str: "text", int: "a number", bool: "true or false"}.get(kind, "text, repeatable")


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return "the list below" if len(value) > 1 else "".join(f"`{each}`" for each in value)
    return f"`{value}`" if value != "" else ""


def _table(head: Sequence[str], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
