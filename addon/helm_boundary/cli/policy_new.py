"""`helm-boundary policy new`: a topic to start from."""

from __future__ import annotations

from pathlib import Path

import click

from helm_boundary.policy.authoring.scaffold import new_topic

from .policy_options import policy_errors, say_json
from .state_options import json_option


@click.command("new")
@click.argument("topic")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("policy"),
    show_default=True,
    help="Your policy folder; created if missing.",
)
@json_option
def new(topic: str, folder: Path, as_json: bool) -> None:
    """Write a new topic, ready to edit: a rule, its test and its data."""
    with policy_errors():
        files = new_topic(folder, topic)
    if as_json:
        say_json({"files": [str(file) for file in files]})
        return
    for file in files:
        click.echo(file)
    click.echo(f"Edit them, then: helm-boundary policy test {folder}")
