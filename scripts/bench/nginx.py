"""nginx as an upstream: prepared answers from files, whole ones on one port, streams on another."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.chats import json_answer, stream_answer
from support.approvals import free_port, until

PATH = "/v1/chat/completions"
_CONFIGURATION = """{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_max_body_size 64m;
  client_body_buffer_size 128k;
  client_body_temp_path {folder}/bodies;
  {servers}
}}
"""
# A file answers no POST; the same file, asked for as nginx's own error page, does.
_SERVER = """server {{
    listen 127.0.0.1:{port};
    root {folder}/{kind};
    default_type {type};
    error_page 405 =200 $uri;
  }}"""
_TYPES = {"JSON": "application/json", "SSE": "text/event-stream"}


def found() -> str | None:
    """Return nginx's program, None where there is none."""
    return shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[Mapping[str, int]]:
    """Run nginx with one worker; yield its port for each kind of answer, JSON and SSE.

    Raises:
        FileNotFoundError: nginx isn't on this machine.
    """
    program = found()
    if program is None:
        raise FileNotFoundError("no nginx: Debian's package nginx-light has it")
    ports = {kind: free_port() for kind in _TYPES}
    _write_answers(folder)
    servers = "\n  ".join(
        _SERVER.format(port=ports[kind], folder=folder, kind=kind, type=told)
        for kind, told in _TYPES.items()
    )
    user = "user root;" if os.geteuid() == 0 else ""
    file = folder / "nginx.conf"
    file.write_text(_CONFIGURATION.format(user=user, folder=folder, servers=servers))
    command = [program, "-p", str(folder), "-c", str(file)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            for port in ports.values():
                wait_until_listening(port, process)
            yield ports
        finally:
            process.terminate()


def wait_until_listening(port: int, process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    """Wait until a process listens on a port.

    Raises:
        ChildProcessError: it has ended instead.
        TimeoutError: it takes longer.
    """

    def look() -> bool | None:
        if process.poll() is not None:
            raise ChildProcessError(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return None

    until(look, seconds)


def _write_answers(folder: Path) -> None:
    """Write the bodies of the lean upstream's answers to where nginx finds them."""
    for kind, body in (("JSON", _body(json_answer())), ("SSE", _unchunked(stream_answer()))):
        file = folder / kind / PATH.lstrip("/")
        file.parent.mkdir(parents=True)
        file.write_bytes(body)


def _body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def _unchunked(writes: list[bytes]) -> bytes:
    chunks = _body(b"".join(writes)).split(b"\r\n")
    return b"".join(chunks[1::2])
