"""Whose process answers at a socket, and whose the authority is."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from mitmproxy.certs import CertStore

from helm_boundary.runtime.ca_authority import AuthorityRefused, refuse_foreign_authority
from helm_boundary.runtime.health import HealthSocket, ask, running_boundaries, socket_of
from helm_boundary.runtime.socket_peer import peer_user
from helm_receipts.errors import StateRefused
from support.hands import STRANGER, as_root, give_away, serve_as_stranger, share
from support.standing import WELL

BASENAME, KEY_BITS = "mitmproxy", 2048


def test_our_own_process_is_known_by_its_user(tmp_path: Path) -> None:
    """By the kernel's word."""
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as connection:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        connection.connect(str(tmp_path / "s"))
        assert peer_user(connection) == os.geteuid()


@as_root
@pytest.mark.parametrize("file_of_root", [True, False])
def test_what_a_process_of_another_user_says_is_not_believed(
    tmp_path: Path, file_of_root: bool
) -> None:
    """Whoever owns the socket's file: what counts is who listens at it."""
    path = socket_of(tmp_path, 1)
    path.parent.mkdir(mode=0o700)
    said = json.dumps(WELL.to_json())
    with serve_as_stranger(path, said, file_of_root=file_of_root) as stranger:
        try:
            with pytest.raises(StateRefused, match=f"user {STRANGER}"):
                ask(path)
            with pytest.raises(StateRefused, match=str(path)):
                list(running_boundaries(tmp_path))
            _open_and_close(HealthSocket(tmp_path, lambda: WELL))  # which sweeps first
            assert not path.exists()
        finally:
            stranger.kill()


def test_nothing_is_swept_where_a_link_leads(tmp_path: Path) -> None:
    """`run` as a link: the sockets in its target aren't ours to remove."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o750)
    (elsewhere / "app.sock").write_text("somebody's")
    socket_of(tmp_path, 1).parent.symlink_to(elsewhere)
    with pytest.raises(OSError, match="is a link"):
        _open_and_close(HealthSocket(tmp_path, lambda: WELL))
    assert (elsewhere / "app.sock").exists()
    assert elsewhere.stat().st_mode & 0o777 == 0o750


def _open_and_close(health: HealthSocket) -> None:
    async def serve() -> None:
        await health.open()
        health.close()

    asyncio.run(serve())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mitmproxy's folder, as mitmproxy makes it."""
    folder = tmp_path_factory.mktemp("made") / "conf"
    CertStore.create_store(folder, BASENAME, KEY_BITS)
    return folder


@pytest.fixture
def confdir(made: Path, tmp_path: Path) -> Path:
    """Copy it."""
    folder = tmp_path / "conf"
    folder.mkdir()
    for file in made.iterdir():
        copy = folder / file.name
        copy.write_bytes(file.read_bytes())
        copy.chmod(file.stat().st_mode & 0o777)
    return folder


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_what_mitmproxy_makes_is_accepted(tmp_path: Path, umask: int) -> None:
    """Fresh, whatever the umask people have; and before anything is there."""
    refuse_foreign_authority(tmp_path / "conf")
    before = os.umask(umask)
    try:
        CertStore.create_store(tmp_path / "conf", BASENAME, KEY_BITS)
    finally:
        os.umask(before)
    refuse_foreign_authority(tmp_path / "conf")


BY_MODE: dict[str, tuple[str, int]] = {
    "a key that everybody can read": ("mitmproxy-ca.pem", 0o644),
    "a key that everybody can write": ("mitmproxy-ca.pem", 0o602),
    "the key in its other form": ("mitmproxy-ca.p12", 0o604),
    "a certificate that everybody can write": ("mitmproxy-ca-cert.pem", 0o646),
    "a folder that everybody can write": (".", 0o777),
    "options that everybody can write": ("config.yaml", 0o666),
}


@pytest.mark.parametrize("case", BY_MODE)
def test_an_authority_that_everybody_could_be_is_refused(confdir: Path, case: str) -> None:
    """The file or folder, what was found and what to do."""
    name, mode = BY_MODE[case]
    (confdir / "config.yaml").touch(mode=0o644)
    (confdir / name).chmod(mode)
    with pytest.raises(AuthorityRefused, match=rf"{confdir / name} .*`chmod"):
        refuse_foreign_authority(confdir)


BY_ANOTHER: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a key of somebody else": ("mitmproxy-ca.pem", give_away),
    "a certificate of somebody else": ("mitmproxy-ca-cert.pem", give_away),
    "a folder of somebody else": (".", give_away),
    "a key for somebody else's group": ("mitmproxy-ca.pem", lambda path: share(path, 0o640)),
}


@as_root
@pytest.mark.parametrize("case", BY_ANOTHER)
def test_an_authority_of_somebody_else_is_refused(confdir: Path, case: str) -> None:
    """By owner and by group."""
    name, deed = BY_ANOTHER[case]
    deed(confdir / name)
    with pytest.raises(AuthorityRefused, match=str(STRANGER)):
        refuse_foreign_authority(confdir)


def test_a_mounted_secret_is_accepted(confdir: Path, tmp_path: Path) -> None:
    """As a pod has it: links within a sticky folder, and a key for the process's own group."""
    (confdir / "..2026").mkdir()
    (confdir / "..data").symlink_to("..2026")
    for file in [each for each in confdir.iterdir() if each.is_file()]:
        file.rename(confdir / "..2026" / file.name)
        (confdir / file.name).symlink_to(Path("..data") / file.name)
    (confdir / "mitmproxy-ca.pem").chmod(0o640)
    confdir.chmod(0o1777)
    refuse_foreign_authority(confdir)
    (confdir / "mitmproxy-ca.pem").chmod(0o644)
    with pytest.raises(AuthorityRefused, match="chmod 600"):
        refuse_foreign_authority(confdir)
