"""`helm-boundary keys`: the keys of a state folder, created, published and replaced."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NoReturn, get_args

import click

from helm_boundary import __version__
from helm_boundary.runtime.key_pinning import settle
from helm_boundary.runtime.outside_keys import noted_signer, use_signer
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.audit.keys_in_use import differences
from helm_receipts.audit.published_files import Difference
from helm_receipts.database.address import Address
from helm_receipts.envelope.opening import secret_ids
from helm_receipts.envelope.predicate import Boundary
from helm_receipts.envelope.public_keys import KeyType
from helm_receipts.errors import KeyRefused
from helm_receipts.layout import Layout
from helm_receipts.log.published_keys import read_published, trusted_root
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.handover import Successor
from helm_receipts.recording.keyset import (
    NEXT,
    Keyset,
    OwnKeys,
    open_keyset,
    open_own_keys,
    read_keyset,
)
from helm_receipts.recording.republish import republish
from helm_receipts.recording.rotation import rotate_log_key, rotate_receipt_key

from .exits import NO, CommandError
from .key_pins import pin
from .key_pseudonym import import_, pseudonym
from .receipt_log import CONFIGURATION
from .shared_state import shared_state_option
from .state_options import io_errors, json_option, state_option


@click.group()
def keys() -> None:
    """Create, publish, pin and replace keys."""


def new_key_options[C: Callable[..., Any]](command: C) -> C:
    """Add `--type` and `--signer`: what a new key is, and where."""
    command = click.option(
        "--type",
        "kind",
        type=click.Choice(get_args(KeyType.__value__)),
        help="The kind of the new receipt key, a file here; ed25519 where nothing is said.",
    )(command)
    return click.option(
        "--signer",
        metavar="exec:COMMAND|pkcs11:URI",
        help="A command or a token that signs, so that no private key is a file here.",
    )(command)


@keys.command()
@shared_state_option
@new_key_options
def init(state: SharedState, kind: KeyType | None, signer: str | None) -> None:
    """Create the keys of a state folder, unless it has some.

    Receipts are signed with Ed25519, or with ECDSA on P-256 for those who must verify with that.
    The log's key is always Ed25519. With a database, the receipt key of a boundary whose folder
    --folder names: its public half is registered there when the boundary starts.
    """
    layout = state.layout
    with io_errors():
        _refuse_both(kind, signer)
        if signer:
            use_signer(layout, signer)
        made = _made(state, kind or "ed25519")
    if kind and made.receipt.public.type != kind:
        raise CommandError(
            f"there is a receipt key of type {made.receipt.public.type} already: "
            f"`helm-boundary keys rotate receipt --type {kind}` replaces it"
        )
    published = f", what to publish in {layout.log}" if state.database is None else ""
    click.echo(f"{made.origin}: keys in {layout.keys}{published}")


def _made(state: SharedState, kind: KeyType) -> Keyset | OwnKeys:
    if state.database is not None:
        return open_own_keys(state.layout, str(state.database), kind)
    made = open_keyset(state.layout, kind)
    settle(state.layout)
    return made


@keys.command()
@state_option
@json_option
def show(state: Layout, as_json: bool) -> None:
    """Print the public keys, and where their files are.

    That is what to publish: PEM, vkey, trusted_root.json and keys.json.
    """
    with io_errors():
        _refuse_without_keys(state)
        swapped = list(differences(state))
        if swapped:
            _refuse(swapped, as_json)
        known = read_published(state)
        published = json.loads((state.log / "keys.json").read_text())
    openings = secret_ids(state.keys, "opening")
    pem, vkey = known.receipt[-1].key.pem().decode(), known.log[-1].key.vkey
    if as_json:
        values = {"pem": pem, "vkey": vkey, "keys": published, "openingKeys": openings}
        click.echo(json.dumps(values | {"trustedRoot": trusted_root(known)}))
        return
    click.echo(f"receipt key ({state.log / 'receipt.pub.pem'})\n{pem}")
    click.echo(f"log key ({state.log / 'log.vkey'})\n{vkey}\n")
    click.echo(f"for Sigstore's verifiers: {state.log / 'trusted_root.json'}")
    click.echo(f"every key with its range: {state.log / 'keys.json'}")
    for known_key in known.receipt:
        last = "in use" if known_key.last is None else f"to index {known_key.last}"
        key = known_key.key
        click.echo(f"  receipt {key.keyid[:16]}… {key.type} from index {known_key.first}, {last}")
    for log in known.log:
        last = "in use" if log.last is None else f"to size {log.last}"
        click.echo(f"  log     {log.key.id.hex()} from size {log.first}, {last}")
    for identity in openings:
        click.echo(f"  opening {identity}")


def _refuse_both(kind: KeyType | None, signer: str | None) -> None:
    if kind and signer:
        raise CommandError("--type is of a key in a file here, --signer of one elsewhere: name one")


def _successor(kind: KeyType | None, signer: str | None) -> Successor | None:
    if signer:
        return Successor(signer=noted_signer(signer))
    return Successor(kind) if kind else None


def _refuse_without_keys(state: Layout) -> None:
    if not (state.log / "keys.json").exists():
        raise CommandError(f"no keys in {state.state} yet: `helm-boundary keys init` makes some")


def _refuse(swapped: list[Difference], as_json: bool) -> NoReturn:
    """Refuse to show published keys that aren't the ones that sign here."""
    if as_json:
        click.echo(json.dumps({"differs": [asdict(each) for each in swapped]}))
    raise CommandError("\n".join(map(str, swapped)), NO)


@keys.command()
@state_option
def publish(state: Layout) -> None:
    """Write the published files again, from the keys in use.

    For when one was lost or swapped.
    """
    with io_errors():
        republish(state)
    click.echo(f"published in {state.log}; `helm-boundary keys show` shows it")


@keys.command()
@shared_state_option
@new_key_options
@click.argument("role", type=click.Choice(["receipt", "log"]))
def rotate(state: SharedState, role: str, kind: KeyType | None, signer: str | None) -> None:
    """Replace a key, with receipts by the old and the new one.

    The new one is of the same type, in a file, unless --type or --signer says otherwise; it may be
    of another command or token than the old one. Whatever uses the key must be stopped. With a
    database, --folder is the folder of the key: a boundary's own, or a log service's.
    """
    with io_errors():
        _refuse_both(kind, signer)
        if state.database is not None:
            name = _rotate_beside(state.layout, state.database, role, _successor(kind, signer))
        else:
            name = _rotate(state.layout, role, _successor(kind, signer))
    where = f"in {state.layout.keys}" if state.database else "publish it: `helm-boundary keys show`"
    click.echo(f"the {role} key is now {name}; {where}")


def _rotate(state: Layout, role: str, successor: Successor | None) -> str:
    """Replace a key of a state folder; returns what the new one is called."""
    _refuse_without_keys(state)
    boundary = Boundary(read_keyset(state).origin, __version__, CONFIGURATION)
    if not (state.keys / NEXT).exists():
        settle(state)
    try:
        if role == "receipt":
            name = rotate_receipt_key(state, boundary, successor).keyid
        else:
            name = rotate_log_key(state, boundary, successor).vkey
    except BlockingIOError as error:
        raise KeyRefused("a running boundary uses these keys: stop it first") from error
    settle(state)
    return name


def _rotate_beside(folder: Layout, address: Address, role: str, successor: Successor | None) -> str:
    """Replace a key of a folder beside a database; returns what the new one is called."""
    from helm_receipts.recording import table_rotation

    if not (folder.keys / f"{role}.pem").exists():
        raise CommandError(f"no {role} key in {folder.keys}: name its folder with --folder")
    said = (folder, Database(address), __version__, CONFIGURATION, successor)
    if role == "receipt":
        return table_rotation.rotate_receipt_key(*said).keyid
    return table_rotation.rotate_log_key(*said).vkey


keys.add_command(pin)
keys.add_command(pseudonym)
keys.add_command(import_)
