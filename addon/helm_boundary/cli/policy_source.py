"""A policy as people name one on a command line: a folder, a bundle, or `profile:NAME`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from helm_boundary.policy.errors import PolicyError
from helm_boundary.policy.sources.profiles import is_profile, profile_folder


class PolicySource(click.Path):
    """A path that may be a profile's name, too; as `click.Path`, and always a `Path`."""

    name = "policy"

    def __init__(self, **options: Any) -> None:
        super().__init__(path_type=Path, **options)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """Return the folder that is meant; a name that no profile has is a usage error."""
        if isinstance(value, str) and is_profile(value):
            try:
                return profile_folder(value)
            except PolicyError as error:
                self.fail(str(error), param, ctx)
        return super().convert(value, param, ctx)


class PolicySources(PolicySource):
    """Policies over each other, the later over the earlier, with commas between them."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """Return the folders that are meant; a folder that has a comma in its name is one."""
        told = [value] if Path(value).exists() else os.fspath(value).split(",")
        return tuple(super(PolicySources, self).convert(each, param, ctx) for each in told)
