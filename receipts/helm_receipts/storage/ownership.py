"""Ownership of files and folders: who owns, who else may write or read, who could swap them.

What we keep must be this process's own: of its user, or of root, who is above all anyway and
provides mounted secrets. Its groups may share it (umask 002 with a group for each user, the
fsGroup of a pod); everybody else, and every other group, may not write it, nor read what is secret.
Whoever can write a folder can put another one in its place, so that counts up to the root.

Sources: path_resolution(7), acl(5), user_namespaces(7), the kernel's posix_acl_xattr.h.
"""

import os
import shlex
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

WRITE, READ = 0o2, 0o4

_ACL = "system.posix_acl_access"
_ACL_USER, _ACL_GROUP_OBJ, _ACL_GROUP, _ACL_MASK, _ACL_OTHER = 0x02, 0x04, 0x08, 0x10, 0x20
_MAX_LINKS = 40
_ELSEWHERE = "use another folder, to which no way leads through this one"


@dataclass(frozen=True, slots=True)
class Keepers:
    """The users and groups that may keep something for somebody."""

    users: frozenset[int]
    groups: frozenset[int]
    unmapped: int | None = None
    """Whom files of users outside this user namespace seem to belong to."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a path, and the command that mends it."""

    path: Path
    expected: str
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"expected {self.path} to {self.expected}, found {self.found}; {self.remedy}"


def keepers() -> Keepers:
    """Return this process's keepers; under sudo also who typed it, who may do all that root may."""
    users, groups = {0, os.geteuid()}, {os.getegid(), *os.getgroups()}
    sudo = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and sudo.isdecimal():
        users.add(int(sudo))
    unmapped = _unmapped_user()
    return Keepers(frozenset(users), frozenset(groups - {unmapped}), unmapped)


def keepers_of(path: Path) -> Keepers:
    """Return the keepers to look at a path with, not to use it.

    They are those of this process, and for root, who looks after others, the path's owner.
    """
    mine = keepers()
    if os.geteuid() != 0 or not path.exists():
        return mine
    return Keepers(mine.users | {path.stat().st_uid}, mine.groups, mine.unmapped)


def fault_of(
    path: Path, status: os.stat_result, acl: bytes | None, by: Keepers, to: int
) -> Fault | None:
    """Find why a path isn't the keepers' alone to READ, to WRITE or both; None where it is."""
    return _foreign_owner(path, status, by) or _open_to_others(path, status, acl, by, to)


def _foreign_owner(path: Path, status: os.stat_result, by: Keepers) -> Fault | None:
    if status.st_uid in by.users:
        return None
    me = os.geteuid()
    return Fault(
        path,
        f"belong to user {me}" + (" or root" if me else ""),
        f"user {status.st_uid}, who can change it at will",
        "run this as that user, or look whether what is there is yours and then, as root, run "
        f"`chown {_deep(status)}{me} {shlex.quote(str(path))}`",
    )


def _open_to_others(
    path: Path, status: os.stat_result, acl: bytes | None, by: Keepers, to: int
) -> Fault | None:
    for who, permissions in _permissions(status, acl, by):
        if not permissions & to:
            continue
        allowed = " and ".join(
            word for bit, word in ((READ, "read"), (WRITE, "write")) if permissions & to & bit
        )
        wanted = "read or written" if to & READ else "written"
        return Fault(
            path,
            f"be {wanted} by its owner only",
            f"mode {stat.S_IMODE(status.st_mode):04o}, with which {who} may {allowed} it",
            _closing(path, status, to, acl is not None),
        )
    return None


def access_list(path: Path | int) -> bytes | None:
    """Read the POSIX access list of a path or a descriptor; None where there is none to read."""
    if not hasattr(os, "getxattr"):
        return None
    try:
        return os.getxattr(path, _ACL)
    except OSError:
        return None


def faults_on_the_way(path: Path, by: Keepers) -> Iterator[Fault]:
    """List who could put something else at a path, by a folder or a link on the way to it.

    In a sticky folder, such as /tmp, only owners can; what isn't there yet is no fault.
    """
    above = Keepers(by.users | ({by.unmapped} if by.unmapped is not None else set()), by.groups)
    for step in _steps(path):
        try:
            status = step.lstat()
        except OSError:
            return
        if fault := _foreign_owner(step, status, above):
            yield replace(fault, remedy=_ELSEWHERE)
            continue
        is_open = stat.S_ISDIR(status.st_mode) and not status.st_mode & stat.S_ISVTX
        acl, to = access_list(step), WRITE if is_open else 0
        if fault := _open_to_others(step, status, acl, above, to):
            command = f"chmod go-w {shlex.quote(str(step))}"
            yield replace(fault, remedy=f"run `{command}`, or {_ELSEWHERE}")


def _steps(path: Path) -> Iterator[Path]:
    """List each folder in which a name on the way to a path is, and each link on it."""
    rest = list(reversed(path.absolute().parts))
    at, links = Path(rest.pop()), 0
    while rest:
        yield at
        name = rest.pop()
        at = at.parent if name == ".." else at / name
        if links == _MAX_LINKS or not os.path.islink(at):  # noqa: PTH114 - False where it can't look
            continue
        yield at
        links += 1
        target = at.parent / at.readlink()
        rest += reversed(target.parts[1:])
        at = Path(target.parts[0])


def _permissions(
    status: os.stat_result, acl: bytes | None, by: Keepers
) -> Iterator[tuple[str, int]]:
    """List what users and groups that aren't keepers, and everybody else, may do."""
    entries = list(struct.iter_unpack("<HHI", acl[4:])) if acl else []
    mask = next((allowed for tag, allowed, _ in entries if tag == _ACL_MASK), 0o7)
    group = next((allowed for tag, allowed, _ in entries if tag == _ACL_GROUP_OBJ), None)
    if status.st_gid not in by.groups:
        allowed = status.st_mode >> 3 & 0o7 if group is None else group & mask
        yield f"group {status.st_gid}", allowed
    for tag, allowed, identity in entries:
        if tag == _ACL_USER and identity not in by.users:
            yield f"user {identity}", allowed & mask
        if tag == _ACL_GROUP and identity not in by.groups:
            yield f"group {identity}", allowed & mask
    yield "everybody", status.st_mode & 0o7


def _closing(path: Path, status: os.stat_result, to: int, has_acl: bool) -> str:
    name = shlex.quote(str(path))
    if to & READ:
        mode = "700" if stat.S_ISDIR(status.st_mode) else "600"
        command = f"chmod {mode} {name}"
    else:
        command = f"chmod {_deep(status)}go-w {name}"
    command = f"setfacl -b {name} && {command}" if has_acl else command
    if to & READ:
        return (
            "treat what is in it as known to others (replace a key), or run "
            f"`{command}` if you are sure that nobody has read it"
        )
    return f"look whether what is there is yours, then run `{command}`"


def _deep(status: os.stat_result) -> str:
    return "-R " if stat.S_ISDIR(status.st_mode) else ""


@cache
def _unmapped_user() -> int | None:
    """Find the user that owns files of outside users in a namespace that doesn't map them all."""
    try:
        lines = Path("/proc/self/uid_map").read_text().splitlines()
        overflow = int(Path("/proc/sys/fs/overflowuid").read_text())
    except (OSError, ValueError):
        return None
    whole = any(line.split()[2] == "4294967295" for line in lines)
    return None if whole else overflow
