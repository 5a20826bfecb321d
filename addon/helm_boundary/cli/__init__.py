"""The `helm-boundary` command of operators, policy authors and auditors."""

from __future__ import annotations

from importlib import import_module

import click

from helm_boundary import __version__
from helm_receipts.printing import while_read

_COMMANDS = {
    "approvals": "approvals:approvals",
    "budgets": "budgets:budgets",
    "decision-logs": "decision_logs:decision_logs",
    "doctor": "doctor:doctor",
    "env": "env:env",
    "evidence": "evidence:evidence",
    "exec": "exec:exec_",
    "keys": "keys:keys",
    "log": "log:log",
    "metrics": "metrics:metrics",
    "observe": "observe:observe",
    "page": "page:page",
    "policy": "policy:policy",
    "receipts": "receipts:receipts",
    "report": "report:report",
    "run": "run:run",
    "state": "state:state",
    "system-proxy": "system_proxy:system_proxy",
    "telemetry": "telemetry:telemetry",
    "trust": "trust:trust",
}
"""Each command's module here and its name there; imported when it is asked for."""


class _Commands(click.Group):
    """A group whose commands are imported one at a time: `exec` runs before every program."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(import_module(f".{module}", __name__), name)
        return found

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; that nobody reads its output any more is no error."""
        with while_read():
            return super().invoke(ctx)
        raise SystemExit(0)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="helm-boundary")
def main() -> None:
    """Govern AI traffic: policy, budgets, approvals and signed receipts.

    Exit codes: 0 yes, 1 no, 2 usage or I/O error, 3 true but incomplete.
    """
