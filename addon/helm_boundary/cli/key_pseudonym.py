"""`helm-boundary keys pseudonym` and `import`: the names that API keys have, and whose they are."""

from __future__ import annotations

import sys

import click

from helm_receipts.envelope.opening import import_secret
from helm_receipts.envelope.opening import pseudonym as pseudonym_of
from helm_receipts.layout import Layout
from helm_receipts.recording.keyset import read_keyset
from helm_receipts.storage.durable import make_folder

from .exits import CommandError
from .state_options import io_errors, state_option

MOST = 4_096  # bytes of a key file


@click.command()
@state_option
def pseudonym(state: Layout) -> None:
    """Print an API key's pseudonym, for policy and filters.

    It stands for the key in `principals` and `groups` of data.yaml, and in receipts. The key is
    read from standard input, so that it is in no list of processes and no history.
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


@click.command("import")
@state_option
def import_(state: Layout) -> None:
    """Take over another machine's pseudonym key.

    So callers have the same names on both. The content of its `keys/pseudonym-….key` is read from
    standard input, into a state folder that has no such key yet: before the first start.
    """
    text = sys.stdin.buffer.read(MOST)
    with io_errors():
        for folder in (state.state, state.keys):
            make_folder(folder)
        taken = import_secret(state.keys, "pseudonym", text)
    click.echo(f"the pseudonym key is {taken.id}")
