"""`helm-boundary`: what operators, policy authors and auditors type."""

from __future__ import annotations

import click

from .. import __version__
from .approvals import approvals
from .doctor import doctor
from .env import env
from .exec import exec_
from .keys import keys
from .policy import policy
from .receipts import receipts
from .run import run
from .system_proxy import system_proxy
from .trust_stores import trust


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="helm-boundary")
def main() -> None:
    """An execution boundary for OpenAI-shaped traffic.

    Exit codes: 0 yes, 1 no, 2 usage or I/O, 3 true but incomplete.
    """


main.add_command(approvals)
main.add_command(doctor)
main.add_command(env)
main.add_command(exec_)
main.add_command(keys)
main.add_command(policy)
main.add_command(receipts)
main.add_command(run)
main.add_command(system_proxy)
main.add_command(trust)
