"""Another user of this machine, whose files and processes are put where they don't belong."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

STRANGER = 54321
"""A user and a group that are nobody here."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")

_SERVE = """
import contextlib, os, socket, sys
path, owner = sys.argv[1], int(sys.argv[2])
listening = socket.socket(socket.AF_UNIX)
listening.bind(path)
os.chown(path, owner, owner)
os.setgid({stranger}); os.setuid({stranger})
listening.listen()
print("listens", flush=True)
while True:
    connection, _ = listening.accept()
    with contextlib.suppress(ConnectionError):  # who looks whose process this is hangs up
        connection.sendall(sys.argv[3].encode())
    connection.close()
"""


def give_away(path: Path) -> None:
    """Make the stranger the owner of a path."""
    os.lchown(path, STRANGER, STRANGER)


def share(path: Path, mode: int) -> None:
    """Give a path to the stranger's group, with a mode."""
    os.chown(path, -1, STRANGER)
    path.chmod(mode)


def allow(path: Path, user: int, permissions: int) -> None:
    """Grant access by an access list, as `setfacl -m u:USER:…` does; skip where there is none."""
    if not hasattr(os, "setxattr"):
        pytest.skip("no POSIX access lists here")
    nobody = 0xFFFFFFFF
    mode = path.stat().st_mode
    entries = (
        *((0x01, mode >> 6 & 7, nobody), (0x02, permissions, user)),
        *((0x04, mode >> 3 & 7, nobody), (0x10, 7, nobody), (0x20, mode & 7, nobody)),
    )
    packed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", packed)
    except OSError as error:
        pytest.skip(f"no POSIX access lists on this file system: {error.strerror}")


def serve_as_stranger(path: Path, said: str, *, file_of_root: bool) -> subprocess.Popen[str]:
    """Have the stranger's process answer at a socket, whose file is root's or the stranger's."""
    program = _SERVE.format(stranger=STRANGER)
    owner = "0" if file_of_root else str(STRANGER)
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path), owner, said], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "listens\n"
    return process


@contextlib.contextmanager
def reachable_folder() -> Iterator[Path]:
    """Create a folder of root's that the stranger can reach: pytest's own are closed."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


_ENTER = f"""
ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE: /proc/self is ours again
os.unshare(os.CLONE_NEWUSER)
Path("/proc/self/setgroups").write_text("deny")
Path("/proc/self/uid_map").write_text("{STRANGER} {STRANGER} 1")
Path("/proc/self/gid_map").write_text("{STRANGER} {STRANGER} 1")
"""


def refused_to_stranger(state: Path, *, in_namespace: bool = False) -> str:
    """Return why the stranger's process refuses a state folder; empty if it doesn't."""
    program = (
        "import ctypes, os; from pathlib import Path\n"
        "from helm_receipts.storage.custody import refuse_foreign_state\n"
        f"os.setgroups([]); os.setgid({STRANGER}); os.setuid({STRANGER})\n"
        f"{_ENTER if in_namespace else ''}\n"
        f"try: refuse_foreign_state(Path({str(state)!r}))\n"
        "except Exception as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    if "unshare" in done.stderr or "uid_map" in done.stderr:
        pytest.skip(f"no user namespaces for an ordinary user: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    return done.stdout
