"""`helm-boundary observe`: an emergency, in which verdicts are only written down for a time."""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict

import click

from helm_boundary.approvals import decisions
from helm_boundary.runtime import observation
from helm_boundary.runtime.observation import LONGEST, Observation
from helm_boundary.runtime.shared_state import SharedState
from helm_receipts.envelope.statement import Draft

from .emergencies import known_state
from .exits import NO, CommandError
from .shared_state import shared_state_option
from .state_options import io_errors, json_option

_LENGTH = re.compile(r"([1-9][0-9]{0,4})([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


class Length(click.ParamType[int]):
    """A time such as 90s, 30m or 2h, of at most a day; gives seconds."""

    name = "time"

    def convert(
        self, value: str, parameter: click.Parameter | None, context: click.Context | None
    ) -> int:
        """Read it; a usage error for anything else."""
        found = _LENGTH.fullmatch(value.strip().lower())
        seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
        if not 0 < seconds <= LONGEST:
            self.fail(f"expected 90s, 30m or 2h, at most 24h, found {value!r}", parameter, context)
        return seconds


@click.command()
@shared_state_option
@json_option
@click.option("--for", "seconds", type=Length(), help="How long, such as 30m; at most 24h.")
@click.option("--why", help="Why: it goes into the receipt, with your user's name.")
@click.option("--end", is_flag=True, help="Enforce again now.")
def observe(
    state: SharedState, as_json: bool, seconds: int | None, why: str | None, end: bool
) -> None:
    """Let everything pass for a time, in an emergency.

    Every boundary of the state folder or database only writes its verdicts down, within a second,
    and enforces again by itself when the time is over, also after a restart. Budgets are counted,
    and held calls go on waiting. Receipts say who began it, why, and what passed; health, `doctor`,
    the page and the log show that it is so. Without options: tell whether it is so now (exit code 1
    if not).
    """
    known_state(state)
    if end and (seconds or why):
        raise click.UsageError("--end ends it; leave out --for and --why")
    if bool(seconds) != bool(why and why.strip()):
        raise click.UsageError("say both: --for TIME and --why TEXT")
    with io_errors():
        if end:
            _end(state)
        elif seconds:
            _begin(state, seconds, str(why).strip())
        _tell(state, as_json)
    if not end and Observation.read(state.orders) is None:
        raise SystemExit(NO)


def _begin(state: SharedState, seconds: int, why: str) -> None:
    now = time.time()
    by = f"{decisions.person()} (command line)"
    event: dict[str, str | int] = {
        "kind": "observe",
        "by": by,
        "why": why,
        "until": int(now + seconds),
    }
    receipt = _record(state, event)
    Observation(now, now + seconds, by, why, receipt).write(state.orders)


def _end(state: SharedState) -> None:
    if Observation.read(state.orders) is None:
        raise CommandError("verdicts take effect already", NO)
    # The end comes first: no failure to write a receipt keeps everything open.
    observation.end(state.orders)
    _record(state, {"kind": "enforce", "by": f"{decisions.person()} (command line)"})


def _tell(state: SharedState, as_json: bool) -> None:
    said = Observation.read(state.orders)
    if as_json:
        click.echo(json.dumps({"observing": asdict(said) if said else None}))
    elif said is None:
        click.echo("Verdicts take effect.")
    else:
        left = f"{said.seconds_left:.0f} s"
        click.echo(f"Observing for {left}, said {said.by}: {said.why} (receipt {said.receipt})")


def _record(state: SharedState, event: dict[str, str | int]) -> str:
    with state.recording("observe") as recorder:
        return recorder.record_now(Draft.of_recorder("policy", event)).id
