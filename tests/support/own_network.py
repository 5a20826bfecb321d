"""A network of one's own: what runs in it reaches its own loopback and nothing else.

    with own_network() as network:
        network.run(test)

A network namespace belongs to a thread and to what that thread starts, so tests run in one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest


class OwnNetwork:
    """A thread with a network namespace of its own."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread

    def run[T](self, function: Callable[[], T]) -> T:
        """Call a function inside, and raise here what it raises."""
        return self._thread.submit(function).result()


@contextlib.contextmanager
def own_network() -> Iterator[OwnNetwork]:
    """Create a network, with its loopback up; skip where this user or kernel can't."""
    if not hasattr(os, "unshare") or shutil.which("ip") is None:
        pytest.skip("network namespaces need Linux and iproute2")
    with ThreadPoolExecutor(1, thread_name_prefix="own-network") as thread:
        network = OwnNetwork(thread)
        try:
            network.run(lambda: os.unshare(os.CLONE_NEWNET))
        except OSError as error:
            pytest.skip(f"no network namespace for this user: {error.strerror}")
        network.run(lambda: configure("ip", "link", "set", "lo", "up"))
        yield network


def configure(*command: str) -> None:
    """Run a command that changes this thread's network; skip where that isn't possible."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{' '.join(command[:4])} …: {done.stderr.strip()}")
