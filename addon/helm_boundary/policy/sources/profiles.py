"""Profiles: folders of data that come with the boundary, chosen by name as `profile:NAME`.

They lie beside the default policy and are no part of it. A folder of the user's can't stand in for
one: whatever begins with `profile:` is looked for here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from helm_boundary.policy.errors import PolicyError

from .default_folder import PROFILES, default_policy_folder

PREFIX = "profile:"


def is_profile(source: str) -> bool:
    """Tell whether a policy is named as a profile."""
    return source.startswith(PREFIX)


def profile_folder(source: str) -> Path:
    """Return the folder of `profile:NAME`; PolicyError where there is none of that name."""
    name = source.removeprefix(PREFIX)
    if name not in profiles():
        known = ", ".join(profiles())
        raise PolicyError(f"{source}: there is no such profile; there are {known}")
    return default_policy_folder() / PROFILES / name


def profiles() -> Sequence[str]:
    """Return the names of all profiles."""
    return sorted(each.name for each in (default_policy_folder() / PROFILES).iterdir())


def name_of(folder: Path) -> str | None:
    """Return the name of the profile that a folder is, or None."""
    inside = folder.parent == default_policy_folder() / PROFILES
    return folder.name if inside else None
