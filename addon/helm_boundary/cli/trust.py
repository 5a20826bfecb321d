"""`helm-boundary trust`: the boundary's authority in the stores that clients read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from helm_boundary.runtime.ca_authority import default_ca_file
from helm_boundary.system.commands import Command, CommandFailed, carry_out, run, shown
from helm_boundary.system.trust_stores import (
    SYSTEMS,
    Authority,
    Store,
    java_store,
    keytool_of_this_machine,
    nss_stores,
    system_of_this_machine,
    system_store,
)

from .exits import NO, YES, CommandError
from .state_options import json_option

_KINDS = ("system", "nss", "java")


def _options[F: Callable[..., Any]](command: F) -> F:
    for option in (
        click.option("--store", "kinds", type=click.Choice(_KINDS), multiple=True, default=_KINDS,
                     help="Stores to change; all by default."),
        click.option("--system", type=click.Choice(SYSTEMS), default=system_of_this_machine,
                     show_default="this machine's", help="System to configure."),
        click.option("--ca", type=click.Path(path_type=Path, exists=True, dir_okay=False),
                     help="The authority (PEM); mitmproxy's own by default."),
        json_option,
    ):  # fmt: skip
        command = option(command)
    return command


_dry_run = click.option("--dry-run", is_flag=True, help="Print the commands without running them.")


@click.group()
def trust() -> None:
    """Add the boundary's authority to trust stores, or remove it.

    Whoever has the authority's key (in mitmproxy's folder) can then read what is sent from here.
    """


@trust.command()
@_dry_run
@_options
def install(dry_run: bool, **where: Any) -> None:
    """Make clients on this machine trust the boundary."""
    _change(where, dry_run, lambda store: store.install)


@trust.command()
@_dry_run
@_options
def remove(dry_run: bool, **where: Any) -> None:
    """Remove the authority again."""
    _change(where, dry_run, lambda store: store.remove)


@trust.command()
@_options
def status(**where: Any) -> None:
    """Show for each store whether the authority is in it.

    Exit code 1 if one lacks it.
    """
    missing = False
    for store in _stores(where):
        trusted = run(store.status).code == 0
        missing |= not trusted
        _say(where, store, "trusts it" if trusted else "doesn't trust it", ok=trusted)
    raise SystemExit(NO if missing else YES)


def _change(
    where: dict[str, Any], dry_run: bool, commands: Callable[[Store], tuple[Command, ...]]
) -> None:
    failed = False
    for store in _stores(where):
        if dry_run:
            click.echo("\n".join([f"# {store.name}", *map(shown, commands(store))]))
            continue
        try:
            carry_out(commands(store))
        except CommandFailed as error:
            failed = True
            _say(where, store, str(error), ok=False)
        else:
            _say(where, store, "done", ok=True)
    raise SystemExit(NO if failed else YES)


def _say(where: dict[str, Any], store: Store, found: str, *, ok: bool) -> None:
    if where["as_json"]:
        click.echo(json.dumps({"store": store.name, "ok": ok, "found": found}))
    else:
        click.echo(f"{'yes' if ok else 'no':4}{store.name}: {found}")


def _stores(where: dict[str, Any]) -> Iterator[Store]:
    authority = _authority(where["ca"] or default_ca_file())
    user = os.getuid() if hasattr(os, "getuid") else 0
    if "system" in where["kinds"]:
        yield system_store(where["system"], authority, user)
    if "nss" in where["kinds"] and (shutil.which("certutil") or where["kinds"] != _KINDS):
        yield from nss_stores(authority, Path.home())
    keytool = keytool_of_this_machine(os.environ.get("JAVA_HOME"), os.get_exec_path())
    if "java" in where["kinds"] and keytool:
        yield java_store(authority, keytool, user)


def _authority(file: Path) -> Authority:
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as error:
        raise CommandError(
            f"expected the boundary's authority in {file}: {error}; `helm-boundary run` makes it "
            "when it first starts, --ca names another"
        ) from None
    der = certificate.public_bytes(Encoding.DER)
    return Authority(file.absolute(), hashlib.sha1(der, usedforsecurity=False).hexdigest().upper())
