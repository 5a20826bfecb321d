"""The process that reads a policy aside: ``python -m ….reload.read_aside PLAN KEY FOLDER...``.

A data file of some megabytes takes Python a tenth of a second to read, during which nothing else
runs in that process. So while the boundary runs, another one reads. It writes the plan for the
workers into the file descriptor PLAN and a summary, JSON, to standard output. KEY is the file that
bundles must be signed with, or empty.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from helm_boundary.calls.volatile import told
from helm_boundary.policy.detectors.detectors import compile_detectors
from helm_boundary.policy.engines.plan import plan_of
from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.policy import read_policy


def main(arguments: list[str]) -> int:
    """Read the policy, write its plan and say what it is; or say what is wrong."""
    plan_fd, key, *folders = arguments
    try:
        policy = read_policy(list(map(Path, folders)), key=Path(key) if key else None)
        compile_detectors(policy.detectors_text)
    except PolicyError as error:
        print(json.dumps({"problems": list(error.problems)}))
        return 1
    with os.fdopen(int(plan_fd), "wb", closefd=False) as plan:
        plan.write(plan_of(policy))
    summary = {
        "uri": policy.uri,
        "digest": policy.digest,
        "rules": policy.rules,
        "detectors": policy.detectors_text.decode(),
        "modules": dict(policy.modules),
        "volatile": [told(each) for each in policy.volatile],
        "stated": policy.stated,
        "named_modules": dict(policy.named_modules),
        "data": policy.own_data,
        "unread": sorted(policy.unread),
    }
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
