"""`helm-boundary keys pseudonym`: the name that an API key has in documents and receipts."""

from __future__ import annotations

import sys

import click

from helm_receipts.envelope.opening import pseudonym as pseudonym_of
from helm_receipts.layout import Layout
from helm_receipts.recording.keyset import read_keyset

from .exits import CommandError
from .state_options import io_errors, state_option


@click.command()
@state_option
def pseudonym(state: Layout) -> None:
    """Print an API key's pseudonym, for `principals` and `groups` in data.yaml.

    The key is read from standard input, so that it is in no list of processes and no history.
    """
    if sys.stdin.isatty():
        click.echo("API key: ", nl=False, err=True)
    key = sys.stdin.readline().strip()
    if not key:
        raise CommandError("expected an API key on standard input, found nothing")
    if not (state.log / "keys.json").exists():
        raise CommandError(f"no keys in {state.state} yet: `helm-boundary keys init` makes some")
    with io_errors():
        keys = read_keyset(state)
    click.echo(pseudonym_of(keys.pseudonym, key))
