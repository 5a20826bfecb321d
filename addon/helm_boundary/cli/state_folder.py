"""A state folder as people name it on a command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from helm_boundary.runtime.state_folder import no_folder


class StateFolder(click.Path):
    """A folder; an address is none, and would be made one of that name."""

    name = "directory"

    def __init__(self, **options: Any) -> None:
        super().__init__(path_type=Path, file_okay=False, **options)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """Return the folder."""
        why = no_folder(os.fspath(value))
        if why is not None:
            self.fail(why, param, ctx)
        return super().convert(value, param, ctx)
