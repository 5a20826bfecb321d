"""Options of every `policy` command, and the way it ends."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import Any, cast

import click

from helm_boundary.policy.engines.opa_program import OpaProgram, find_opa
from helm_boundary.policy.errors import EngineError, PolicyError
from helm_boundary.policy.sources.default_folder import default_policy_folder
from helm_receipts.layout import Layout

from .exits import CommandError, ending_on
from .policy_source import PolicySource
from .state_options import state_option

Command = Callable[..., Any]
PATIENCE_SECONDS = 2.0  # after which one wants to see that something goes on
WITHOUT_OPA = (
    "no `opa` on PATH, so there is no second opinion: with one (or --opa FILE) OPA checks the "
    "policy too, and judges some hundred generated documents beside the embedded engine"
)

policy_errors = partial(ending_on, PolicyError, EngineError, OSError)
"""Ends a command on what can't be read or judged."""


def folders_argument[C: Command](command: C) -> C:
    """Add `[FOLDER]...`: policies over the default one, later over earlier."""
    kind = PolicySource(exists=True)
    return click.argument("folders", nargs=-1, type=kind, metavar="[FOLDER]...")(command)


def policy_option[C: Command](command: C) -> C:
    """Add `--policy FOLDER`, several times for several."""
    return click.option(
        "--policy",
        "folders",
        multiple=True,
        type=PolicySource(),
        help="A policy folder, bundle or profile:NAME over the default one; repeatable.",
    )(command)


def traffic_options[C: Command](command: C) -> C:
    """Add `--flows FILE` and `--receipts` with `--state`, as `flows` and `state` (or None)."""

    @wraps(command)
    def chosen(*args: Any, flows: Path | None, receipts: bool, state: Layout, **rest: Any) -> Any:
        if (flows is None) != receipts:
            raise click.UsageError("expected either --flows FILE or --receipts")
        return command(*args, flows=flows, state=state if receipts else None, **rest)

    asked = state_option(chosen)
    asked = click.option(
        "--receipts", is_flag=True, help="The calls that a state folder has receipts of."
    )(asked)
    asked = click.option(
        "--flows",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="Recorded traffic (mitmdump -w FILE).",
    )(asked)
    return cast(C, asked)


def key_option[C: Command](command: C) -> C:
    """Add `--key FILE`: what bundles must be signed with."""
    return click.option(
        "--key",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A PEM public key (or an HMAC secret) that each bundle must be signed with.",
    )(command)


def opa_options[C: Command](command: C) -> C:
    """Add `--opa FILE` and `--require-opa`: who gives the second opinion."""
    command = click.option(
        "--require-opa", is_flag=True, help="Fail where there is no `opa` for a second opinion."
    )(command)
    return click.option(
        "--opa",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="The OPA that gives the second opinion; else the `opa` on PATH, if there is one.",
    )(command)


def opa_asked(given: Path | None, required: bool) -> OpaProgram | None:
    """Return the OPA that the options choose, or None where there is none and needn't be."""
    found = find_opa(given)
    if found is None and required:
        raise CommandError(
            "--require-opa: there is no `opa` on PATH: install one, or name it with --opa FILE"
        )
    return found


def shown_progress(what: str) -> Callable[[int, int], None]:
    """Return what shows progress on a terminal, once something has taken some seconds."""
    started = time.monotonic()

    def show(done: int, of: int) -> None:
        if time.monotonic() - started > PATIENCE_SECONDS and sys.stderr.isatty():
            click.echo(f"\r{done} of {of} {what}", nl=done == of, err=True)

    return show


def own_folders(folders: Sequence[Path]) -> tuple[Path, ...]:
    """Return the folders, or the default policy's own when there are none."""
    return tuple(folders) or (default_policy_folder(),)


def say_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object on one line."""
    click.echo(json.dumps(value, ensure_ascii=False))
