"""The plan of a policy worker: one JSON text, in a file that every worker reads."""

from __future__ import annotations

import json
import tempfile
from typing import IO

from helm_boundary.policy.sources.default_folder import default_policy_folder
from helm_boundary.policy.sources.dormant_topics import awake
from helm_boundary.policy.sources.policy import Policy


def plan_of(policy: Policy) -> bytes:
    """Return a policy's plan: modules (all, and those that can speak), data, the input's schema."""
    schema = json.loads((default_policy_folder() / "input.schema.json").read_bytes())
    data = json.dumps(policy.data, allow_nan=False)
    modules, speaking = dict(policy.modules), awake(policy.modules, policy.data)
    plan = {"modules": modules, "awake": sorted(speaking), "data": data, "schema": schema}
    return json.dumps(plan).encode()


def empty_plan() -> IO[bytes]:
    """Open an unnamed file for a plan; it is gone once nobody has it open."""
    return tempfile.TemporaryFile()


def write_plan(policy: Policy) -> IO[bytes]:
    """Write a policy's plan into an unnamed file."""
    file = empty_plan()
    file.write(plan_of(policy))
    file.flush()
    return file
