"""The health report of a boundary that is well."""

from __future__ import annotations

from helm_boundary.runtime.health import Health, Listener

WELL = Health(
    pid=1,
    version="0",
    mode="enforce",
    listeners=(Listener("regular", "127.0.0.1:8080"),),
    sealed=True,
    draining=False,
    policy_uri="helm-boundary:default",
    policy_digest="00",
    policy_rules=1,
    engine="e",
    hosts=("api.openai.com",),
    state="/s",
    ca_file="/c",
    open_calls=0,
    unsafe=(),
)
