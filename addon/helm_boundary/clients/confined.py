"""The script that runs inside: makes namespaces and listening sockets, hands them out, becomes CMD.

A script by itself (`python -I -S confined.py FD PORT,PORT CMD …`): nothing of the package is
imported, so that a program starts as fast as it can.
"""

import os
import socket
import struct
import sys
from fcntl import ioctl
from pathlib import Path

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
"""Linux's ioctls for interfaces: netdevice(7)."""

_REMEDY = (
    "expected a user and a network namespace, found {error}; where the kernel keeps them from "
    "ordinary users (kernel.apparmor_restrict_unprivileged_userns, user.max_user_namespaces), an "
    "administrator must allow them"
)
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


def main(descriptor: str, numbers: str, command: list[str]) -> None:
    """Confine this process and execute the command in it; never returns."""
    channel = socket.socket(fileno=int(descriptor))
    try:
        _enter()
        listening = [_listen(int(number)) for number in numbers.split(",")]
    except OSError as error:
        channel.send(_REMEDY.format(error=error).encode())
        sys.exit(_NOT_EXECUTABLE)
    socket.send_fds(channel, [b"ready"], [inside.fileno() for inside in listening])
    if channel.recv(16) != b"go":
        sys.exit(_NOT_EXECUTABLE)
    channel.close()
    try:
        os.execvp(command[0], command)  # noqa: S606 - the program that was asked for
    except OSError as error:
        print(f"helm-boundary: {command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(_NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE)


def _enter() -> None:
    """Enter new namespaces as the same user and group; user_namespaces(7), "Defining mappings"."""
    user, group = os.getuid(), os.getgid()
    os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _listen(port: int) -> socket.socket:
    inside = socket.socket()
    _bring_up(inside, b"lo")
    inside.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    inside.bind(("127.0.0.1", port))
    inside.listen(128)
    return inside


def _bring_up(any_socket: socket.socket, interface: bytes) -> None:
    request = struct.pack("16sH14x", interface, 0)
    (flags,) = struct.unpack_from("16xH", ioctl(any_socket, _SIOCGIFFLAGS, request))
    ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", interface, flags | _IFF_UP))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
