"""Scans texts from standard input, a list in JSON a line, and prints what each cost.

It is run by the Python of the checkout that is measured, with that checkout's own code.
"""

from __future__ import annotations

import json
import sys
import time

from helm_boundary.calls.call import Text
from helm_boundary.policy.detectors.detectors import compile_detectors
from helm_boundary.policy.sources.policy import read_policy


def main() -> None:
    """Answer each line with microseconds of processor time, one for each text."""
    detectors = compile_detectors(read_policy([]).detectors_text)
    for line in sys.stdin:
        costs = []
        for text in json.loads(line):
            texts = [Text("/messages/0/content", "user", text)]
            started = time.thread_time_ns()
            detectors.scan(texts)
            costs.append((time.thread_time_ns() - started) / 1_000)
        print(json.dumps(costs), flush=True)


if __name__ == "__main__":
    main()
