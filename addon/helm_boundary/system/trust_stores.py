"""The stores in which clients look for authorities, and the commands that change them.

Sources: update-ca-certificates(8), update-ca-trust(8), security(1) on macOS, certutil on Windows,
certutil of NSS (its -A, -D and -L), keytool of the JDK.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .commands import Command, as_root

NICKNAME = "helm-boundary"

_DEBIAN = f"/usr/local/share/ca-certificates/{NICKNAME}.crt"
_FEDORA = f"/etc/pki/ca-trust/source/anchors/{NICKNAME}.pem"
_KEYCHAIN = "/Library/Keychains/System.keychain"
SYSTEMS = ("debian", "fedora", "macos", "windows")

_FIREFOX = (
    ".mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
    "Library/Application Support/Firefox/Profiles",
)


@dataclass(frozen=True, slots=True)
class Authority:
    """The boundary's certificate: its file (PEM) and its SHA-1, by which systems find it."""

    file: Path
    sha1: str


@dataclass(frozen=True, slots=True)
class Store:
    """One trust store: commands that add the authority, remove it, and fail where it isn't in."""

    name: str
    install: tuple[Command, ...]
    remove: tuple[Command, ...]
    status: Command


def system_of_this_machine() -> str:
    """Return which of SYSTEMS this is, by what is installed; `debian` if in doubt."""
    if sys.platform == "darwin":
        return "macos"
    if sys.platform == "win32":
        return "windows"
    return "fedora" if Path("/etc/pki/ca-trust/source").is_dir() else "debian"


def system_store(system: str, authority: Authority, user: int) -> Store:
    """Return the system's own store; `user` is the uid, for sudo."""
    file, sha1 = str(authority.file), authority.sha1
    match system:
        case "debian":
            return Store(
                "the system's store",
                (
                    as_root(("install", "-D", "-m", "0644", file, _DEBIAN), user),
                    as_root(("update-ca-certificates",), user),
                ),
                (
                    as_root(("rm", "-f", _DEBIAN), user),
                    as_root(("update-ca-certificates", "--fresh"), user),
                ),
                ("cmp", "-s", file, _DEBIAN),
            )
        case "fedora":
            return Store(
                "the system's store",
                (
                    as_root(("install", "-D", "-m", "0644", file, _FEDORA), user),
                    as_root(("update-ca-trust", "extract"), user),
                ),
                (
                    as_root(("rm", "-f", _FEDORA), user),
                    as_root(("update-ca-trust", "extract"), user),
                ),
                ("cmp", "-s", file, _FEDORA),
            )
        case "macos":
            trusted = ("security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", _KEYCHAIN)
            return Store(
                "the system's keychain",
                (as_root((*trusted, file), user),),
                (
                    as_root(("security", "remove-trusted-cert", "-d", file), user),
                    as_root(("security", "delete-certificate", "-Z", sha1, _KEYCHAIN), user),
                ),
                ("security", "verify-cert", "-c", file),
            )
        case _:
            return Store(
                "the user's root store",
                (("certutil", "-user", "-addstore", "Root", file),),
                (("certutil", "-user", "-delstore", "Root", sha1),),
                ("certutil", "-user", "-verifystore", "Root", sha1),
            )


def nss_stores(authority: Authority, home: Path) -> Iterator[Store]:
    """Yield Chromium's database, created if missing, and one for each profile of Firefox."""
    chromium = home / ".pki" / "nssdb"
    makes: tuple[Command, ...] = ()
    if not (chromium / "cert9.db").exists():
        database = f"sql:{chromium}"
        makes = (
            ("mkdir", "-p", "-m", "0700", str(chromium)),
            ("certutil", "-d", database, "-N", "--empty-password"),
        )
    yield _nss("Chromium's NSS database", chromium, authority, makes)
    for folder in _profiles(home):
        yield _nss(f"Firefox's profile {folder.name}", folder, authority, ())


def java_store(authority: Authority, keytool: str, user: int) -> Store:
    """Return the JDK's cacerts; `keytool` is the one that belongs to it."""
    where = ("-cacerts", "-storepass", "changeit", "-alias", NICKNAME)
    imports = (keytool, "-importcert", "-noprompt", *where, "-file", str(authority.file))
    return Store(
        "Java's cacerts",
        (as_root(imports, user),),
        (as_root((keytool, "-delete", *where), user),),
        (keytool, "-list", *where),
    )


def keytool_of_this_machine(java_home: str | None, path: Iterable[str]) -> str | None:
    """Return JAVA_HOME's keytool, else the first on the path."""
    folders = [Path(java_home) / "bin"] if java_home else []
    for folder in [*folders, *map(Path, path)]:
        for name in ("keytool", "keytool.exe"):
            if os.access(folder / name, os.X_OK):
                return str(folder / name)
    return None


def _nss(name: str, folder: Path, authority: Authority, makes: tuple[Command, ...]) -> Store:
    certutil = ("certutil", "-d", f"sql:{folder}")
    adds = (*certutil, "-A", "-t", "C,,", "-n", NICKNAME, "-i", str(authority.file))
    return Store(
        name,
        (*makes, adds),
        ((*certutil, "-D", "-n", NICKNAME),),
        (*certutil, "-L", "-n", NICKNAME),
    )


def _profiles(home: Path) -> Iterator[Path]:
    for root in _FIREFOX:
        for database in sorted((home / root).glob("*/cert9.db")):
            yield database.parent
