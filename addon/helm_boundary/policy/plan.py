"""What a policy worker needs to know, as one JSON text in a file that every worker reads."""

from __future__ import annotations

import json
import tempfile
from typing import IO

from helm_boundary.policy.default_folder import default_policy_folder
from helm_boundary.policy.source import Policy


def plan_of(policy: Policy) -> bytes:
    """The plan of a policy: its modules, its data as JSON text, and the input's schema."""
    schema = json.loads((default_policy_folder() / "input.schema.json").read_bytes())
    data = json.dumps(policy.data, allow_nan=False)
    return json.dumps({"modules": dict(policy.modules), "data": data, "schema": schema}).encode()


def empty_plan() -> IO[bytes]:
    """An unnamed file for a plan; it is gone once nobody has it open."""
    return tempfile.TemporaryFile()


def write_plan(policy: Policy) -> IO[bytes]:
    """A policy's plan in an unnamed file."""
    file = empty_plan()
    file.write(plan_of(policy))
    file.flush()
    return file
