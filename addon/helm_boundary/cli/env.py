"""`helm-boundary env`: the variables that put a shell under a running boundary."""

from __future__ import annotations

import os
from pathlib import Path

import click

from helm_boundary.clients.ca_bundle import BundleError, make_trust, system_roots
from helm_boundary.clients.environment import Route, variables
from helm_boundary.clients.launch import joinable
from helm_boundary.clients.shells import SHELLS, script, shell_of
from helm_receipts.layout import Layout

from .exits import CommandError, ending_on
from .state_options import io_errors, state_option


@click.command()
@state_option
@click.option(
    "--shell",
    type=click.Choice(sorted(SHELLS)),
    default=lambda: shell_of(os.environ.get("SHELL", "")),
    show_default="the one in $SHELL",
    help="The shell whose syntax to print.",
)
def env(state: Layout, shell: str) -> None:
    """Print variables that put a shell under a running boundary.

    \b
    bash, zsh:   eval "$(helm-boundary env)"
    fish:        helm-boundary env --shell fish | source
    PowerShell:  helm-boundary env --shell powershell | Out-String | Invoke-Expression
    """  # noqa: D301 - click's sign for lines that stay as they are
    with io_errors():
        running = joinable(state.state)
    if running is None or running.proxy is None:
        raise CommandError(
            f"no boundary runs on {state.state} as a forward proxy; start one: helm-boundary run"
        )
    with ending_on(BundleError):
        trust = make_trust(Path(running.ca_file), system_roots(os.environ), state.state)
    told = variables(Route(running.proxy, trust), os.environ)
    click.echo(script(shell, told), nl=False)
