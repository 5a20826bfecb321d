"""Options of every command that starts a boundary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from .policy_source import PolicySource
from .state_folder import StateFolder


def boundary_options[Command: Callable[..., Any]](command: Command) -> Command:
    """Add `--state`, `--policy` and `--set`, as `state`, `policies` and `settings`."""
    for option in (
        click.option(
            "--set",
            "settings",
            metavar="NAME=VALUE",
            multiple=True,
            help="A mitmproxy or helm_* option; may be given several times.",
        ),
        click.option(
            "--policy",
            "policies",
            multiple=True,
            type=PolicySource(exists=True, resolve_path=True),
            help="A policy folder, bundle or profile:NAME over the ones before it; repeatable.",
        ),
        click.option(
            "--state",
            envvar="HELM_STATE",
            type=StateFolder(resolve_path=True),
            help="The boundary's state folder: keys, receipts, approvals.",
        ),
    ):
        command = option(command)
    return command
