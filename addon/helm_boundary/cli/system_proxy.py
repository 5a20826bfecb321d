"""`helm-boundary system-proxy`: the desktop's own setting, and its restoration."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from helm_boundary.clients.launch import joinable
from helm_boundary.system.commands import CommandFailed, Ran, run, shown
from helm_boundary.system.proxy_settings import (
    DESKTOPS,
    Desktop,
    NothingSaved,
    commands_off,
    commands_on,
    current,
    desktop,
    desktop_of_this_machine,
    is_on,
    saved_settings,
    turn_off,
    turn_on,
)
from helm_receipts.layout import Layout

from .exits import NO, YES, CommandError, ending_on
from .state_options import io_errors, state_option

_failures = partial(ending_on, CommandFailed, NothingSaved, OSError)


def _options[F: Callable[..., Any]](command: F) -> F:
    for option in (
        click.option("--desktop", "name", type=click.Choice(DESKTOPS), show_default="this one",
                     default=lambda: desktop_of_this_machine(os.environ),
                     help="The desktop to configure."),
        click.option("--proxy", metavar="HOST:PORT", show_default="the running boundary's",
                     help="The boundary's address."),
        state_option,
    ):  # fmt: skip
        command = option(command)
    return command


_dry_run = click.option("--dry-run", is_flag=True, help="Print the commands without running them.")


@click.group("system-proxy")
def system_proxy() -> None:
    """Point the desktop's proxy at the boundary, or restore it."""


@system_proxy.command()
@_dry_run
@_options
def on(dry_run: bool, name: str, proxy: str | None, state: Layout) -> None:
    """Save the present setting, and point it at the boundary."""
    to = _desktop(name, proxy, state, dry_run)
    if dry_run:
        click.echo("\n".join(map(shown, commands_on(to))))
        return
    with _failures():
        turn_on(to, state.state)
    click.echo(f"{to.name}: the proxy is set; `system-proxy off` puts back what was there")


@system_proxy.command()
@_dry_run
@_options
def off(dry_run: bool, name: str, proxy: str | None, state: Layout) -> None:
    """Restore the setting from before `on`."""
    to = _desktop(name, proxy, state, dry_run)
    if dry_run:
        try:
            saved = saved_settings(state.state)
        except NothingSaved:
            saved = {setting.name: "" for setting in to.settings}
        click.echo("\n".join(map(shown, commands_off(to, saved))))
        return
    with _failures():
        turn_off(to, state.state)
    click.echo(f"{to.name}: as it was before")


@system_proxy.command()
@_options
def status(name: str, proxy: str | None, state: Layout) -> None:
    """Show the setting; exit code 1 when it isn't the boundary."""
    to = _desktop(name, proxy, state, dry_run=False)
    for setting, value in current(to).items():
        click.echo(f"{setting}: {value or 'not set'}")
    raise SystemExit(YES if is_on(to) else NO)


def _desktop(name: str, proxy: str | None, state: Layout, dry_run: bool) -> Desktop:
    with io_errors():
        running = None if proxy else joinable(state.state)
    address = proxy or (running.proxy if running else None) or "127.0.0.1:8080"
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise CommandError(f"--proxy: expected HOST:PORT, found {address!r}")
    return desktop(name, host, int(port), _nothing if dry_run else run)


def _nothing(command: tuple[str, ...]) -> Ran:
    return Ran(127, "")
