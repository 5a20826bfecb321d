"""Options of every `policy` command, and the way it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from helm_boundary.policy.errors import EngineError, PolicyError
from helm_boundary.policy.sources.default_folder import default_policy_folder

from .exits import ending_on

Command = Callable[..., Any]


policy_errors = partial(ending_on, PolicyError, EngineError, OSError)
"""Ends a command on what can't be read or judged."""


def folders_argument[C: Command](command: C) -> C:
    """Add `[FOLDER]...`: policies over the default one, later over earlier."""
    kind = click.Path(path_type=Path, exists=True)
    return click.argument("folders", nargs=-1, type=kind, metavar="[FOLDER]...")(command)


def policy_option[C: Command](command: C) -> C:
    """Add `--policy FOLDER`, several times for several."""
    return click.option(
        "--policy",
        "folders",
        multiple=True,
        type=click.Path(path_type=Path),
        help="A policy folder or bundle over the default one; may be given several times.",
    )(command)


def key_option[C: Command](command: C) -> C:
    """Add `--key FILE`: what bundles must be signed with."""
    return click.option(
        "--key",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A PEM public key (or an HMAC secret) that each bundle must be signed with.",
    )(command)


def own_folders(folders: Sequence[Path]) -> tuple[Path, ...]:
    """Return the folders, or the default policy's own when there are none."""
    return tuple(folders) or (default_policy_folder(),)


def say_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object on one line."""
    click.echo(json.dumps(value, ensure_ascii=False))
