"""`helm-boundary policy`: write, check, test and compare policies.

Exit codes: 0 yes, 1 no, 2 usage or I/O, 3 true but incomplete.
"""

from __future__ import annotations

import click

from .policy_bench import bench
from .policy_check import check
from .policy_eval import eval_
from .policy_example import example
from .policy_new import new
from .policy_pins import pins
from .policy_rollback import rollback
from .policy_tests import test
from .policy_traffic import diff, learn


@click.group()
def policy() -> None:
    """Write, check, test and compare policies."""


for _command in (bench, check, diff, eval_, example, learn, new, pins, rollback, test):
    policy.add_command(_command)
