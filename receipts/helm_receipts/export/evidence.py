"""An evidence pack: receipts of a time with all that somebody needs to verify them.

`audit.pack` describes what is in it. The receipts are those at consecutive places of the log, so
that nothing in between is left out; which ones were asked for only says where it begins and ends.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from helm_receipts.audit.pack import FORMAT, MANIFEST
from helm_receipts.audit.verify import NOT_PROVEN
from helm_receipts.envelope.checkpoint import parse_checkpoint
from helm_receipts.envelope.dsse import parse_line
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.record import Record
from helm_receipts.errors import LogError
from helm_receipts.journal.reader import read_lines, read_record
from helm_receipts.journal.segments import list_segments, segment_name, written_size
from helm_receipts.layout import Layout
from helm_receipts.log.proof import proof_file, prove_under
from helm_receipts.log.runs import Runs, order_file, read_runs

from .reproducible_zip import write_zip
from .select import Selection
from .verified import VerifiedJournals
from .verifier_archive import NAME, build_verifier

_KEYS = ("receipt.pub.pem", "log.vkey", "keys.json", "trusted_root.json")


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a pack that was written."""

    receipts: int
    first: int
    last: int
    not_in_log: int
    """Chosen receipts that the log doesn't have yet, so they aren't in the pack."""
    policies: int


def write_pack(
    file: IO[bytes],
    layout: Layout,
    found: VerifiedJournals,
    log: LogKey,
    since: str,
    until: str | None,
    policies: Mapping[str, bytes],
) -> Contents:
    """Write a pack of what was verified; `LogError` when nothing was recorded in that time.

    `policies` are the files of policies' sources, by their names in the pack.
    """
    note = (layout.log / "checkpoint").read_bytes()
    runs = read_runs(order_file(layout), parse_checkpoint(note).size)
    chosen = [record.id for record in found.select(Selection(since=since, until=until))]
    places = [place for name in chosen if (place := _place(runs, name)) is not None]
    if not places:
        raise LogError(f"expected receipts in the log since {since}, found none")
    first, last = min(places), max(places)
    files = {"log/checkpoint": note, NAME: build_verifier(), **policies}
    for name in _KEYS:
        if (layout.log / name).is_file():
            files[f"keys/{name}"] = (layout.log / name).read_bytes()
    count = 0
    for records in _between(layout, found, runs, first, last):
        sequence = records[0].predicate["sequence"]
        name = f"receipts/{sequence['writer']}/{segment_name(sequence['number'])}"
        files[name] = b"".join(record.envelope + b"\n" for record in records)
        for record in records:
            key = found.keys[parse_line(record.envelope).keyid]
            files[f"proofs/{record.id}.tlog-proof"] = proof_file(
                prove_under(layout, key, log, record)
            )
            count += 1
    files["README.md"] = _readme(log, first, last, count)
    write_zip(file, sorted((files | {MANIFEST: _manifest(files, since, until)}).items()))
    return Contents(count, first, last, len(chosen) - len(places), len(policies))


def _place(runs: Runs, identity: str) -> int | None:
    writer, _, number = identity.rpartition("-")
    try:
        return runs.index_of(writer, int(number))
    except LogError:
        return None


def _between(
    layout: Layout, found: VerifiedJournals, runs: Runs, first: int, last: int
) -> Iterator[list[Record]]:
    """Read the receipts of each writer that are in the log from one index to another."""
    ranges: dict[str, tuple[int, int]] = {}
    ends = [run.index - 1 for run in runs.runs[1:]] + [runs.size - 1]
    for run, end in zip(runs.runs, ends, strict=True):
        if run.index <= last and end >= first:
            low = run.number + max(first, run.index) - run.index
            high = run.number + min(last, end) - run.index
            before = ranges.get(run.writer, (low, high))
            ranges[run.writer] = min(low, before[0]), max(high, before[1])
    for writer, (low, high) in sorted(ranges.items()):
        if records := list(_numbered(layout.journal / writer, low, high, found)):
            yield records


def _numbered(writer: Path, low: int, high: int, found: VerifiedJournals) -> Iterator[Record]:
    segments = list_segments(writer)
    after = [int(segment.stem) for segment in segments[1:]] + [high + 1]
    for segment, end in zip(segments, after, strict=True):
        if int(segment.stem) <= high and end > low:
            for line in read_lines(segment, end=written_size(segment)):
                record = read_record(line)
                if low <= record.predicate["sequence"]["number"] <= high and found.has(record):
                    yield record


def _manifest(files: Mapping[str, bytes], since: str, until: str | None) -> bytes:
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    value = {"files": hashes, "format": FORMAT, "since": since, "until": until}
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"


def _readme(log: LogKey, first: int, last: int, count: int) -> bytes:
    missing = "\n".join(f"- {claim}" for claim in NOT_PROVEN)
    return f"""# Evidence pack

{count} receipts of the log {log.name}, at its places {first} to {last}, with the proof of each.

Verify it offline, with Python, `cryptography` and the two public keys, which you should have from
somewhere else than this pack, and the verifier too (`{NAME}` here is only a copy of it):

    python {NAME} pack PACK.zip --key receipt.pub.pem --vkey "$(cat log.vkey)"

| file | what it is |
|---|---|
| `receipts/` | the receipts of each writer, a DSSE envelope on each line |
| `proofs/` | of each receipt, that it is in the log (c2sp.org/tlog-proof) |
| `log/checkpoint` | the log's size and root, signed |
| `policy/` | sources of the policies that decided, by their digests, where they were kept |
| `keys/` | the public keys as they were published; those you trust are the ones you name |
| `{MANIFEST}` | the SHA-256 of every file |

This does not prove
{missing}
""".encode()
