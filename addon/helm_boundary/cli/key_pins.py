"""`helm-boundary keys pin`: a note, outside of a state folder, of the keys it is known by."""

from __future__ import annotations

import time
from pathlib import Path

import click

from helm_boundary.runtime.key_pinning import pin_of, pins
from helm_receipts.audit.pins import Pin
from helm_receipts.envelope.predicate import rfc3339
from helm_receipts.envelope.public_keys import read_public_key
from helm_receipts.errors import KeyRefused
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import read_published

from .exits import NO, CommandError
from .state_options import io_errors, key_options, state_option
from .verification_keys import named_log_key


@click.command()
@state_option
@key_options
@click.option("--replace", is_flag=True, help="Replace keys that are pinned already.")
def pin(state: Layout, keys: tuple[Path, ...], vkey: str | None, replace: bool) -> None:
    """Pin a state folder's keys in your configuration folder.

    Without --key and --vkey, those that it has published. Afterwards `receipts verify` and `fsck`
    hold the folder to them.
    """
    with io_errors():
        kept, new = pins(), _named(keys, vkey) or _published(state)
        old = kept.of_path(state)
        if old is not None and _keys(old) == _keys(new):
            click.echo(f"these keys are pinned since {old.since[:10]}")
            return
        if old is not None and not replace:
            raise CommandError(
                f"other keys are pinned since {old.since[:10]}: {_told(old)}\n"
                "If they really were replaced, add --replace.",
                NO,
            )
        kept.keep(state, new)
    click.echo(f"pinned for {state.state}: {_told(new)}, in {kept.folder}")


def _named(keys: tuple[Path, ...], vkey: str | None) -> Pin | None:
    receipt = tuple(read_public_key(path.read_bytes()) for path in keys)
    log = (named_log_key(vkey),) if vkey else ()
    if not (receipt or log):
        return None
    return Pin(log[-1].name if log else "", receipt, log, rfc3339(time.time_ns()))


def _published(state: Layout) -> Pin:
    try:
        return pin_of(read_published(state))
    except KeyRefused as error:
        raise CommandError(f"{error}; name keys with --key and --vkey") from error


def _keys(pin: Pin) -> tuple[object, object]:
    return pin.receipt, pin.log


def _told(pin: Pin) -> str:
    receipt = [f"receipt key {key.keyid[:16]}…" for key in pin.receipt[-1:]]
    return ", ".join(receipt + [f"log key {key.vkey}" for key in pin.log[-1:]])
