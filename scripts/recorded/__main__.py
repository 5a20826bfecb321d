"""Calls that other projects recorded, replayed through the boundary, and what came of them."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from recorded.cassettes import read_cassette
from recorded.fixtures import read_fixture
from recorded.recording import Recording, Unreadable
from recorded.replay import Outcome, Replayed, replay

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True)
_WIDTH = 160

type Read = Callable[[Path], Iterator[Recording]]


@click.command()
@click.argument("folders", nargs=-1, required=True, type=_FOLDER)
@click.option("--observe", is_flag=True, help="Run the boundary in observe mode.")
@click.option("--only", default="", metavar="TEXT", help="Only recordings with TEXT in their name.")
@click.option("--show", is_flag=True, help="List calls that were refused or changed, and why.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def main(folders: tuple[Path, ...], observe: bool, only: str, show: bool, as_json: bool) -> None:
    """Replay recorded calls of FOLDERS through the boundary, and compare every byte.

    Read are VCR cassettes (`cassettes/**/*.yaml`) and the AI SDK's fixtures
    (`__fixtures__/*.json|*.chunks.txt`), wherever they lie below a folder. The packages are yours
    to get; nothing is downloaded. The policy allows whatever the boundary can read. Exit code 1
    where a call is refused or changed, or has no receipt.
    """
    recordings, skipped = read_all(folders, only)
    if not recordings:
        raise click.UsageError("expected a recording below the folders; found none")
    replayed = run(recordings, "observe" if observe else "enforce")
    rows = figures(replayed.outcomes)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    if as_json:
        said = {"providers": rows, "receipts": replayed.receipts, "skipped": len(skipped)}
        click.echo(json.dumps(said))
    else:
        console.print(as_table(rows))
        click.echo(f"{replayed.receipts} calls have a receipt; {len(skipped)} files were skipped")
    if show:
        for line in (*remarks(replayed.outcomes), *(f"skipped: {each}" for each in skipped)):
            click.echo(line)
    lost = sum(row["refused"] + row["changed"] for row in rows.values())
    sys.exit(1 if lost or replayed.receipts != len(recordings) else 0)


def read_all(folders: Sequence[Path], only: str) -> tuple[list[Recording], list[str]]:
    """Read every recording below the folders; returns what couldn't be read too, and why."""
    found: list[Recording] = []
    skipped: list[str] = []
    for file, read in _files(folders):
        try:
            found += [each for each in read(file) if only in each.name]
        except Unreadable as error:
            skipped.append(str(error))
    return found, skipped


def _files(folders: Sequence[Path]) -> Iterator[tuple[Path, Read]]:
    for folder in folders:
        for file in sorted(folder.rglob("*.y*ml")):
            if "cassettes" in file.parts:
                yield file, read_cassette
        for file in sorted(folder.rglob("__fixtures__/*")):
            if file.suffix == ".json" or file.name.endswith(".chunks.txt"):
                yield file, read_fixture


def run(recordings: Sequence[Recording], mode: str) -> Replayed:
    """Replay all of them, and show how far that is."""
    outcomes: list[Outcome] = []
    receipts = 0
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="helm-recordings-") as name:
        told = replay(recordings, Path(name), mode)
        for each in track(told, "replaying", total=len(recordings) + 1, console=console):
            if isinstance(each, int):
                receipts = each
            else:
                outcomes.append(each)
    return Replayed(outcomes, receipts)


def figures(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    """Count each provider's calls: all, unchanged, refused and changed."""
    rows: dict[str, dict[str, int]] = {}
    for outcome in outcomes:
        none = {"calls": 0, "unchanged": 0, "refused": 0, "changed": 0}
        row = rows.setdefault(outcome.recording.provider, none)
        row["calls"] += 1
        row["refused" if outcome.is_refused else "changed" if outcome.why else "unchanged"] += 1
    return dict(sorted(rows.items()))


def as_table(rows: dict[str, dict[str, int]]) -> Table:
    """Return the figures as a table, with all of them in its last line."""
    table = Table("provider", "calls", "unchanged", "refused", "changed")
    for column in table.columns[1:]:
        column.justify = "right"
    total: Counter[str] = Counter()
    for provider, row in rows.items():
        table.add_row(provider, *map(str, row.values()))
        total.update(row)
    table.add_section()
    names = ("calls", "unchanged", "refused", "changed")
    table.add_row("all", *(str(total[name]) for name in names))
    return table


def remarks(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """List the calls that didn't pass as they came, and why."""
    for outcome in outcomes:
        if outcome.why:
            made = outcome.recording
            why = " ".join(outcome.why.split())
            yield f"{made.provider} {made.name}: {made.method} {made.path.partition('?')[0]}: {why}"


if __name__ == "__main__":
    main(prog_name="scripts/recordings")
