"""`--state` of commands that change what boundaries share: a folder, or a fleet's database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from helm_boundary.runtime.shared_state import SharedState
from helm_boundary.runtime.state_folder import default_state_folder
from helm_receipts.database.address import Address
from helm_receipts.layout import Layout
from helm_receipts.storage import durable

from .state_copies import named_state_option
from .state_folder import StateFolder
from .state_options import existing

_FOLDER = "own_folder"

type Command = Callable[..., Any]


def shared_state_option(command: Command) -> Command:
    """Add `--state` and, for the key of whoever uses a database, `--folder`."""
    own = click.option(
        "--folder",
        _FOLDER,
        envvar="HELM_FOLDER",
        type=StateFolder(),
        default=default_state_folder,
        show_default="the platform's folder",
        help="With a database: the folder of the key that signs what you do.",
        expose_value=False,
        is_eager=True,
        callback=_keep_folder,
    )
    return own(named_state_option(callback=_read)(command))


def existing_state(state: SharedState) -> SharedState:
    """Return a state; a clear refusal for a folder that isn't there.

    The folder beside a database is made where there is none: an index is kept there.
    """
    if state.database is None:
        existing(state.layout)
    else:
        durable.make_folder(state.layout.state)
    return state


def _keep_folder(context: click.Context, _parameter: click.Parameter, value: Path) -> Path:
    context.meta[_FOLDER] = value
    return value


def _read(
    context: click.Context, _parameter: click.Parameter, value: Path | Address
) -> SharedState:
    if isinstance(value, Address):
        return SharedState(Layout(context.meta[_FOLDER]), value)
    return SharedState(Layout(value))
