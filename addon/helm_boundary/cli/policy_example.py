"""`helm-boundary policy example`: an input document to evaluate a policy with."""

from __future__ import annotations

import json

import click

from .policy_options import policy_errors

DIALECTS = ("chat", "responses", "messages", "completions", "gemini")


@click.command("example")
@click.option(
    "--phase",
    type=click.Choice(["request", "response"]),
    default="request",
    show_default=True,
    help="Which of a call's documents.",
)
@click.option(
    "--dialect",
    type=click.Choice(DIALECTS),
    default="chat",
    show_default=True,
    help="The wire shape that the call is read from.",
)
def example(phase: str, dialect: str) -> None:
    """Print an input document (helm.input/v1) of a call.

    Change what you like, and give it to `policy eval --input`.
    """
    from helm_boundary.replay.examples import EXAMPLES

    with policy_errors():
        document = json.loads(EXAMPLES[dialect].document(phase))
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
