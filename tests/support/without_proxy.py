"""A boundary without a proxy around it, as `start` takes it."""

from __future__ import annotations

from pathlib import Path

from helm_boundary.calls.hosts import parse_host_pattern
from helm_boundary.runtime.options import Config


def configured(policy: Path | None, state: Path) -> Config:
    """Return what a boundary for OpenAI's host is started with; without `policy`, the default."""
    return Config(
        policy=() if policy is None else (str(policy),),
        policy_key=None,
        candidate=(),
        engine="embedded",
        opa_url="",
        state=state,
        mode="enforce",
        hosts=(parse_host_pattern("api.openai.com"),),
        on_deny="respond",
        on_escalate="respond",
        hold_seconds=300,
        hold_max=100,
        notify="",
        keep_flows=100,
        max_body=1 << 20,
        deadline_ms=5_000,
    )
