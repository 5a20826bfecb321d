"""What the boundary says when it is up: five lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mitmproxy.proxy import mode_specs

from .ca_authority import CA_FILE
from .options import Config, OptionValues
from .startup import Running


def banner(
    running: Running, config: Config, options: OptionValues, addresses: Sequence[str]
) -> list[str]:
    """Tell where it listens, its policy, its receipts, its CA file and how clients are pointed."""
    policy = running.engine.policy
    detectors = len(running.boundary.judge.detectors.names)
    own = " (a bundle brings none: see policy check)" if policy.without_detectors else ""
    where = ", ".join(addresses) or "nowhere (no server is running)"
    if any(_is_every(address) for address in addresses):
        where += " (every address; --listen-host 127.0.0.1 is for this machine alone)"
    ca_file = Path(options.confdir).expanduser() / CA_FILE
    observing = " (observing: verdicts are written down, not enforced)"
    return [
        f"helm-boundary listens on {where}" + (observing if config.mode == "observe" else ""),
        f"  policy    {policy.uri}, {policy.rules} rules, {detectors} detectors{own}, "
        f"sha256 {policy.digest}",
        f"  receipts  {config.database or config.state}",
        f"  CA file   {ca_file}",
        f"  clients   {_pointing(options.mode, addresses, ca_file)}",
    ]


def _is_every(address: str) -> bool:
    """Tell whether `host:port` stands for all of the machine's addresses."""
    return address.rpartition(":")[0] in ("0.0.0.0", "::", "[::]")  # noqa: S104


def _pointing(modes: Sequence[str], addresses: Sequence[str], ca_file: Path) -> str:
    first = addresses[0] if addresses else "127.0.0.1:8080"
    address = f"127.0.0.1:{first.rpartition(':')[2]}" if _is_every(first) else first
    mode = mode_specs.ProxyMode.parse(modes[0]) if modes else None
    if isinstance(mode, mode_specs.ReverseMode):
        return f"OPENAI_BASE_URL=http://{address}/v1"
    if isinstance(mode, mode_specs.TransparentMode):
        return f"those whose connections the system diverts here, with SSL_CERT_FILE={ca_file}"
    return f"HTTPS_PROXY=http://{address} SSL_CERT_FILE={ca_file}"
