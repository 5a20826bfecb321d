"""The folder of the policy that comes with the boundary."""

from __future__ import annotations

from pathlib import Path

from helm_boundary.policy.errors import PolicyError

PACKAGE = Path(__file__).resolve().parents[2]
# In a wheel the folder is package data; in a checkout it is the repository's own.
CANDIDATES = (PACKAGE / "default_policy", PACKAGE.parents[1] / "policies")

PROFILES = "profiles"
"""The folder in it that isn't part of the default policy."""


def default_policy_folder() -> Path:
    """Return the folder of the default policy; PolicyError if the installation lacks it."""
    for folder in CANDIDATES:
        if (folder / "main.rego").is_file():
            return folder
    expected = " or ".join(map(str, CANDIDATES))
    raise PolicyError(f"the default policy is missing, expected in {expected}: reinstall")
