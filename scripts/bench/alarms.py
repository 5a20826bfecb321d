"""What the shipped detectors find in ordinary text, which should be nothing, with where it is."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from bench.ordinary import Chunk, draw, installed
from helm_boundary.calls.call import Text
from helm_boundary.policy.detectors.detectors import Detectors, Finding, compile_detectors
from helm_boundary.policy.sources.policy import read_policy

_AROUND = 40
_TOPICS = ("secret", "injection", "hidden")
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True)


@dataclass(frozen=True, slots=True)
class Alarm:
    """A chunk in which something was found that is no personal data."""

    chunk: Chunk
    finding: Finding

    def __str__(self) -> str:
        start, end = self.finding.start, self.finding.end
        text = self.chunk.text[max(0, start - _AROUND) : end + _AROUND]
        return f"{self.finding.detector}: {self.chunk.file}\n    {text!r}"


@click.command()
@click.argument("folders", nargs=-1, type=_FOLDER)
@click.option("--chunks", default=2_000, show_default=True, help="Texts drawn for each seed.")
@click.option("--seed", "seeds", multiple=True, default=(1, 2, 3), show_default=True)
@click.option(
    "--topic",
    "topics",
    multiple=True,
    default=_TOPICS,
    show_default=True,
    help="Begins the names of the detectors that count, such as personal.email.",
)
def main(
    folders: tuple[Path, ...], chunks: int, seeds: tuple[int, ...], topics: tuple[str, ...]
) -> None:
    """Draw ordinary text from FOLDERS, and print what the shipped detectors take for an alarm.

    Without FOLDERS, from what this machine has: packages, documents, logs. Each chunk with an
    alarm counts once, however much was found in it.
    """
    detectors = compile_detectors(read_policy([]).detectors_text)
    for seed in seeds:
        drawn = draw(folders or installed(), chunks, seed)
        if not drawn:
            raise click.UsageError("there is no text in these folders")
        alarms = [*_alarms(detectors, drawn, topics)]
        click.echo(f"seed {seed}: {len(alarms)} alarms in {len(drawn)} chunks{_kinds(alarms)}")
        for alarm in alarms:
            click.echo(f"  {alarm}")


def _alarms(detectors: Detectors, drawn: list[Chunk], topics: tuple[str, ...]) -> Iterator[Alarm]:
    for chunk in drawn:
        for found in detectors.scan([Text("/messages/0/content", "tool", chunk.text)]):
            if found.detector.startswith(topics):
                yield Alarm(chunk, found)
                break


def _kinds(alarms: list[Alarm]) -> str:
    counts = Counter(alarm.finding.detector for alarm in alarms)
    return "".join(f", {name} {count}" for name, count in counts.most_common())


if __name__ == "__main__":
    sys.exit(main())
