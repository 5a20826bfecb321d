"""What runs beside calls takes what they leave."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from helm_boundary.runtime.priority import NICER, lower_priority, yield_to_calls

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities on Linux")


def test_a_thread_yields_and_the_others_stay_as_they_are() -> None:
    before, found = os.getpriority(os.PRIO_PROCESS, 0), []

    def follow() -> None:
        yield_to_calls()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=follow)
    thread.start()
    thread.join()
    assert found == [19]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_a_process_is_made_nicer() -> None:
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as process:
        lower_priority(process.pid)
        found = os.getpriority(os.PRIO_PROCESS, process.pid)
    assert found == min(os.getpriority(os.PRIO_PROCESS, 0) + NICER, 19)
