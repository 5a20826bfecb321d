"""The process that evaluates policy: ``python -m ….engines.worker_main PIPE PLAN ...``.

The plan is a file with JSON: the modules, the data (as JSON text) and, for a policy that has
yet to be tried, the schema of its input.

The engine can't be stopped once it evaluates and can take its process down, so it gets one of
its own. It ends when the pipe ends; should the boundary be gone while a rule runs for ever, an
alarm ends it.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import socket
import sys
from typing import Any

# Panics would carry native backtraces into messages.
os.environ["RUST_BACKTRACE"] = "0"

from helm_boundary.policy.errors import EngineError, PolicyError

from . import frames as pipe
from .evaluator import Evaluator

PORTION = 1 << 18
START_ALARM = 60.0  # seconds to compile; the boundary gives up long before


def main(arguments: list[str]) -> int:
    """Serve documents from the pipe.

    Arguments: pipe fd, plan fd, alarm seconds, memory bytes, and "trial" or "live".
    """
    pipe_fd, plan_fd, alarm, memory, trial = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory(int(memory))
    with socket.socket(fileno=int(pipe_fd)) as connection:
        signal.setitimer(signal.ITIMER_REAL, START_ALARM)
        plan = _read_plan(int(plan_fd))
        try:
            if trial == "trial" and (problems := _lint(plan)):
                return _refuse(connection, problems)
            awake = {file: plan["modules"][file] for file in plan["awake"]}
            evaluator = Evaluator(awake, plan["data"])
        except PolicyError as error:
            return _refuse(connection, [str(error)])
        signal.setitimer(signal.ITIMER_REAL, 0)
        connection.sendall(pipe.encode(0, pipe.READY, b""))
        gc.freeze()
        gc.disable()  # texts in, texts out: nothing here makes cycles
        serve(connection, evaluator, float(alarm))
    return 0


def serve(connection: socket.socket, evaluator: Evaluator, alarm: float) -> None:
    """Answer each document in turn until the other side closes."""
    frames = pipe.FrameReader()
    while portion := connection.recv(PORTION):
        for number, _, document in frames.feed(portion):
            # The default action of SIGALRM ends the process, whatever it is doing.
            signal.setitimer(signal.ITIMER_REAL, alarm + pipe.seconds_to_read(len(document)))
            try:
                evaluator.take(document)
                if len(document) > pipe.LARGE:
                    connection.sendall(pipe.encode(number, pipe.BEGUN, b""))
                kind, body = pipe.ANSWER, evaluator.judge_taken()
            except EngineError as error:
                kind, body = pipe.FAILED, str(error).encode("utf-8", "replace")
            signal.setitimer(signal.ITIMER_REAL, 0)
            connection.sendall(pipe.encode(number, kind, body))
            if len(document) > pipe.LARGE:
                document = b""
                evaluator.take(b"null")  # else the memory of the large one would stay


def _read_plan(plan_fd: int) -> Any:
    size = os.fstat(plan_fd).st_size
    text = b""
    while len(text) < size:  # pread: every worker of an engine shares the file's offset
        text += os.pread(plan_fd, size - len(text), len(text))
    return json.loads(text)


def _lint(plan: Any) -> list[str]:
    """Return what is wrong with the whole policy, including what is switched off in it."""
    # Imported for a trial only: a worker that replaces a crashed one must be there at once.
    from helm_boundary.policy.rego.lint import Program, lint
    from helm_boundary.policy.rego.syntax import read_rules

    evaluator = Evaluator(plan["modules"], plan["data"])
    program = Program(read_rules(evaluator.syntax()), json.loads(plan["data"]), plan["schema"])
    return [str(problem) for problem in lint(program)]


def _refuse(connection: socket.socket, problems: list[str]) -> int:
    connection.sendall(pipe.encode(0, pipe.REFUSED, json.dumps(problems).encode()))
    return 1


def _limit_memory(limit: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
