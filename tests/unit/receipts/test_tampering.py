"""Tampering with a state folder: each kind is found, and named rightly.

Attackers have what the row says: access to the files; also the receipt key, and can sign again;
or every key of the folder, against which only a checkpoint that somebody kept can help.
"""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from helm_receipts.audit.ahead import start_checkers
from helm_receipts.audit.fsck import FsckReport, fsck
from helm_receipts.database.address import Address
from helm_receipts.database.connections import connect
from helm_receipts.envelope import canonical_encoding, dsse, key_files, signing_keys
from helm_receipts.envelope.checkpoint import Checkpoint, parse_checkpoint
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.predicate import Boundary
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import parse_statement
from helm_receipts.envelope.signatures import seal, sign_checkpoint
from helm_receipts.envelope.signing_keys import SigningKey
from helm_receipts.errors import Broken, KeyRefused
from helm_receipts.journal.records import read_records
from helm_receipts.journal.segments import list_segments, list_writers
from helm_receipts.layout import Layout
from helm_receipts.log import merkle
from helm_receipts.log.frontier import Frontier
from helm_receipts.log.tiles import TileReader
from helm_receipts.recording import keyset
from helm_receipts.recording.database_place import Database
from helm_receipts.recording.openings import opens
from helm_receipts.recording.recorder import Recorder
from helm_receipts.recording.rotation import integrate_all, rotate_receipt_key
from helm_receipts.storage import durable
from helm_receipts.tables.pull import pull
from helm_receipts.tables.registered_keys import register_key
from helm_receipts.tables.table_log import TableLog
from support.postgresql import Server, migrated
from support.receipts import CONFIGURATION, outcome, record_calls, recording, request


@dataclass(frozen=True)
class Case:
    """A state folder under attack: as it is, as it was, and what its auditor trusts."""

    state: Path
    old: Path
    receipt: PublicKey
    log: LogKey
    kept: bytes

    @property
    def writers(self) -> list[Path]:
        """The journals; the first one has most receipts and several segments."""
        return sorted(list_writers(self.state / "journal"), key=lambda w: -len(list_segments(w)))

    @property
    def segments(self) -> list[Path]:
        """The segments of the first writer."""
        return list_segments(self.writers[0])

    @property
    def key(self) -> SigningKey:
        """The stolen receipt key."""
        return key_files.load(self.state / "keys" / "receipt.pem", "receipt")

    @property
    def log_key(self) -> SigningKey:
        """The stolen log key."""
        return key_files.load(self.state / "keys" / "log.pem", "log")

    def path(self, name: str) -> Path:
        """Return the path of a file of the log."""
        return self.state / "log" / name

    def check(self, *kept: bytes) -> None:
        """Run fsck with what the auditor trusts."""
        fsck(self.state, [self.receipt], [self.log], kept)


@pytest.fixture(
    scope="module", params=["folder", pytest.param("postgresql", marks=pytest.mark.slow)]
)
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two writers, several segments and sessions, more than one tile; `old` as it was before.

    As boundaries wrote it into a folder, or as it was pulled from a database.
    """
    folder = tmp_path_factory.mktemp("template")
    if request.param == "folder":
        write_folder(folder)
    else:
        pull_folder(folder, request.getfixturevalue("postgresql"))
    return folder


def write_folder(folder: Path) -> None:
    state = folder / "state"
    record_calls(state, 40, segment_bytes=60_000)
    shutil.copytree(state, folder / "old")
    with recording(state, segment_bytes=60_000) as one, recording(state) as two:
        record_both(one, two, 60, lambda: None)
    record_calls(state, 5, segment_bytes=60_000)
    layout = Layout(state)
    integrate_all(layout, keyset.open_keyset(layout))


def pull_folder(folder: Path, server: Server) -> None:
    """Pull again and again, so that there are segments; the thief has the boundary's own keys."""
    address, own = migrated(server), folder / "own"
    copied = Layout(folder / "state")
    with connect(address) as connection:
        # Registered already, so that receipts have the numbers that they have in a folder.
        durable.make_folder(own / "keys")
        register_key(connection, key_files.load_or_create(own / "keys", "receipt").public)

        def copy() -> None:
            pull(connection, copied)

        for (recorder,) in table_sessions(own, address, 1):
            for number in range(40):
                record_one(recorder, f"old-{number}")
                if number % 10 == 9:
                    copy()
        settle_log(address, own)
        copy()
        shutil.copytree(folder / "state", folder / "old")
        for one, two in table_sessions(own, address, 2):
            record_both(one, two, 60, copy)
        settle_log(address, own)  # what starts now says how far the log has come
        for (recorder,) in table_sessions(own, address, 1):
            for number in range(5):
                record_one(recorder, f"new-{number}")
        settle_log(address, own)
        copy()
    for each in ("state", "old"):
        shutil.copytree(own / "keys", folder / each / "keys")


def table_sessions(own: Path, address: Address, count: int) -> Iterator[list[Recorder]]:
    """Open so many recorders on a database, once, and close them."""
    found = [
        Recorder.open(own, version="0", configuration=CONFIGURATION, database=Database(address, 10))
        for _ in range(count)
    ]
    yield found
    for each in found:
        each.close()


def record_one(recorder: Recorder, call: str) -> None:
    recorder.record_now(request(call))
    recorder.record_now(outcome(call))


def record_both(one: Recorder, two: Recorder, calls: int, pause: Callable[[], None]) -> None:
    for number in range(calls):
        one.record_now(request(f"one-{number}"))
        two.record_now(request(f"two-{number}"))
        one.record_now(outcome(f"one-{number}"))
        two.record_now(outcome(f"two-{number}"))
        if number % 20 == 19:
            pause()


def settle_log(address: Address, own: Path) -> None:
    log = TableLog(address, *keyset.open_log_key(Layout(own)))
    while log.step():
        pass
    log._published_at = 0.0
    log.step()
    log.close()


@pytest.fixture
def case(template: Path, tmp_path: Path) -> Case:
    """Copy the template, to tamper with."""
    shutil.copytree(template / "state", tmp_path / "state")
    known = keyset.open_keyset(Layout(template / "state")).published
    kept = (template / "old" / "log" / "checkpoint").read_bytes()
    return Case(tmp_path / "state", template / "old", known.receipt[0].key, known.log[0].key, kept)


def test_a_folder_that_nobody_touched_passes(case: Case) -> None:
    """Nothing is found where nothing was done; the template has what the rows need."""
    case.check(case.kept)
    assert len(case.segments) > 3
    assert parse_checkpoint(case.path("checkpoint").read_bytes()).size > 300


# --- what can be done to lines ------------------------------------------------------------------


def edit(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change a segment's lines."""
    lines = change(path.read_bytes().splitlines())
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def flip(path: Path, at: int, bit: int = 1) -> None:
    """Flip a bit of a file."""
    raw = bytearray(path.read_bytes())
    raw[at] ^= bit
    path.write_bytes(raw)


def at(number: int, change: Callable[[bytes], bytes]) -> Callable[[list[bytes]], list[bytes]]:
    """Change one line."""
    return lambda lines: [
        change(line) if index == number else line for index, line in enumerate(lines)
    ]


def reseal(key: SigningKey, old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Replace text in the payload and sign again."""

    def change(line: bytes) -> bytes:
        payload = dsse.parse_line(line).payload
        assert old in payload
        return seal(payload.replace(old, new), key)

    return change


def rewrite(case: Case, drop: int, log: bool = False, key: SigningKey | None = None) -> None:
    """With the receipt key: leave a call's outcome out and sign all that follows again.

    `log`: with the log's key, too, make a log to fit.
    """
    import hashlib

    key = key or case.key
    writer = case.writers[0]
    lines = [line for s in case.segments for line in s.read_bytes().splitlines()]
    for segment in case.segments:
        segment.unlink()
    previous, fresh = None, []
    for number, line in enumerate(x for i, x in enumerate(lines) if i != drop):
        statement = parse_statement(dsse.parse_line(line).payload)
        sequence = statement["predicate"]["sequence"]
        sequence["number"] = number + 1
        if previous is not None:
            sequence["previous"] = {"sha256": previous}
        fresh.append(seal(canonical_encoding.encode(statement), key))
        previous = hashlib.sha256(fresh[-1]).hexdigest()
    (writer / "000000000001.jsonl").write_bytes(b"".join(line + b"\n" for line in fresh))
    if log:
        size = (writer / "000000000001.jsonl").stat().st_size
        (writer / "durable").write_bytes(b"%020d %020d\n" % (1, size))
        for other in case.writers:
            if other != writer:
                shutil.rmtree(other)
        shutil.rmtree(case.path("tile"))
        case.path("checkpoint").unlink()
        shutil.rmtree(case.state / "log-state")
        layout = Layout(case.state)
        integrate_all(layout, keyset.open_keyset(layout))


def replace_keys(case: Case) -> None:
    """Sign everything again with a key of one's own, and publish that."""
    mine = signing_keys.generate("receipt")
    rewrite(case, drop=-1, key=mine)
    case.path("receipt.pub.pem").write_bytes(mine.public.pem())
    published = json.loads(case.path("keys.json").read_text())
    published["receipt"][0] |= {"keyid": mine.keyid, "public": mine.public.raw.hex()}
    case.path("keys.json").write_text(json.dumps(published))


def resign(case: Case, **changes: object) -> None:
    """With the log's key: sign a checkpoint that says something else."""
    now = parse_checkpoint(case.path("checkpoint").read_bytes())
    facts = {"origin": now.origin, "size": now.size, "root": now.root} | changes
    note = sign_checkpoint(Checkpoint(**facts), case.log_key)  # type: ignore[arg-type]
    case.path("checkpoint").write_bytes(note)


def root_at(case: Case, size: int) -> bytes:
    """Compute the log's root at an earlier size."""
    now = parse_checkpoint(case.path("checkpoint").read_bytes())
    return merkle.root_hash(size, TileReader(case.state / "log", now.size).nodes)


def move_line(case: Case) -> None:
    """Move a receipt of one writer into another's journal."""
    one, two = case.segments[0], list_segments(case.writers[1])[0]
    line = two.read_bytes().splitlines()[3]
    edit(one, lambda lines: [*lines[:3], line, *lines[4:]])


def zeroed(content: bytes) -> bytes:
    """Overwrite a segment's last line with zeros, as if they were preallocated."""
    kept = content[:-1].rfind(b"\n") + 1
    return content[:kept] + bytes(len(content) - kept)


def swap_segments(case: Case) -> None:
    """Exchange the contents of two segments."""
    one, two = case.segments[0], case.segments[1]
    text = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(text)


def roll_back(case: Case, *names: str) -> None:
    """Put back files of the log as they were."""
    for name in names:
        target = case.state / name
        shutil.rmtree(target) if target.is_dir() else target.unlink()
        source = case.old / name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)


def foreign_log(case: Case) -> None:
    """Put another boundary's log in the place of this one's."""
    other = case.state.parent / "other"
    record_calls(other, 200)
    shutil.rmtree(case.path("tile"))
    shutil.copytree(other / "log" / "tile", case.path("tile"))
    shutil.copy(other / "log" / "checkpoint", case.path("checkpoint"))


def swap_entries(case: Case) -> None:
    """Exchange two entries inside a bundle."""
    from helm_receipts.log.tiles import decode_entries, encode_entries

    path = case.path("tile/entries/000")
    entries = decode_entries(path.read_bytes(), 256)
    entries[7], entries[8] = entries[8], entries[7]
    path.write_bytes(encode_entries(entries))


def partial(case: Case, level: str) -> Path:
    """Find the partial tile that the checkpoint's size needs."""
    size = parse_checkpoint(case.path("checkpoint").read_bytes()).size
    width = size % 256 if level != "1" else size // 256
    number = 0 if level == "1" else 1
    return case.path(f"tile/{level}/{number:03d}.p/{width}")


def change_note(case: Case, old: bytes, new: bytes) -> None:
    """Change the checkpoint's text without signing it."""
    path = case.path("checkpoint")
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))


def sign_note_with(case: Case, key: SigningKey, name: str) -> None:
    """Sign a checkpoint of the right size and root with another key."""
    now = parse_checkpoint(case.path("checkpoint").read_bytes())
    body = Checkpoint(name, now.size, now.root)
    encoded = base64.b64encode(LogKey(name, key.public).id + key.private.sign(body.body)).decode()
    case.path("checkpoint").write_bytes(body.body + f"\n— {name} {encoded}\n".encode())


def set_range(case: Case, **changes: int) -> None:
    """Publish another range for the receipt key."""
    published = json.loads(case.path("keys.json").read_text())
    published["receipt"][0] |= changes
    case.path("keys.json").write_text(json.dumps(published))


def retired_key_goes_on(case: Case, published: bool = True) -> None:
    """After a rotation, whoever stole the old key starts a journal of his own with it."""
    stolen = case.key
    layout = Layout(case.state)
    rotate_receipt_key(layout, Boundary("x", "0.1.0", "00" * 32))
    other = case.state.parent / "other"
    shutil.copytree(case.old, other)
    source = list_writers(other / "journal")[0]
    lines = [line for s in list_segments(source) for line in s.read_bytes().splitlines()][:3]
    target = case.state / "journal" / "zzzzzzzz"
    target.mkdir()
    import hashlib

    previous, fresh = None, []
    for line in lines:
        statement = parse_statement(dsse.parse_line(line).payload)
        sequence = statement["predicate"]["sequence"]
        sequence["writer"] = "zzzzzzzz"
        if previous is not None:
            sequence["previous"] = {"sha256": previous}
        fresh.append(seal(canonical_encoding.encode(statement), stolen))
        previous = hashlib.sha256(fresh[-1]).hexdigest()
    text = b"".join(line + b"\n" for line in fresh)
    (target / "000000000001.jsonl").write_bytes(text)
    (target / "durable").write_bytes(b"%020d %020d\n" % (1, len(text)))
    integrate_all(layout, keyset.open_keyset(layout))
    if not published:
        case.path("keys.json").unlink()


def put(path: Path, content: bytes) -> None:
    """Put a file where there was none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def reorder_log(case: Case, first: int, second: int) -> None:
    """With the log's key: publish a log in which two receipts have each other's place."""
    size = parse_checkpoint(case.path("checkpoint").read_bytes()).size
    entries = list(TileReader(case.state / "log", size).all_entries())
    entries[first], entries[second] = entries[second], entries[first]
    edge = Frontier()
    for entry in entries:
        edge.add(entry)
    for name, content in edge.take_tiles().items():
        put(case.path(name), content)
    resign(case, root=edge.root())


def move_to_end(case: Case) -> None:
    """Take a receipt out of one writer's journal and add it to another's."""
    two = list_segments(case.writers[1])[0]
    line = two.read_bytes().splitlines()[3]
    edit(two, lambda lines: [*lines[:3], *lines[4:]])
    edit(case.segments[-1], lambda lines: [*lines, line])


def foreign_line(case: Case) -> None:
    """Add a receipt of another boundary at the end."""
    other = case.state.parent / "other"
    record_calls(other, 1)
    line = list_segments(list_writers(other / "journal")[0])[0].read_bytes().splitlines()[1]
    edit(case.segments[-1], lambda lines: [*lines, line])


def publish(case: Case, name: str) -> None:
    """Put another boundary's published file in the place of this one's."""
    other = case.state.parent / "other"
    record_calls(other, 1)
    shutil.copy(other / "log" / name, case.path(name))


def folder_for(path: Path) -> None:
    """Put a folder in the place of a file."""
    path.unlink()
    path.mkdir()


def add_receipt(case: Case) -> None:
    """With the receipt key: add one more after the last, as if it had been forgotten."""
    import hashlib

    lines = case.segments[-1].read_bytes().splitlines()
    first = case.segments[0].read_bytes().splitlines()[1]
    said = parse_statement(dsse.parse_line(first).payload)
    last = parse_statement(dsse.parse_line(lines[-1]).payload)["predicate"]
    said["predicate"]["sequence"] = {
        "number": last["sequence"]["number"] + 1,
        "previous": {"sha256": hashlib.sha256(lines[-1]).hexdigest()},
        "writer": last["sequence"]["writer"],
    }
    said["predicate"] |= {"decidedAt": last["decidedAt"], "phase": "request"}
    line = seal(canonical_encoding.encode(said), case.key)
    edit(case.segments[-1], lambda before: [*before, line])


Attack = Callable[[Case], object]

# What is done, and as what it must be named. Lines of the first segment: 0 the start, then a
# request and an outcome in turn.
FILES_ONLY: dict[str, tuple[Attack, str]] = {
    "a bit of a payload": (
        lambda c: edit(c.segments[1], at(2, lambda x: x.replace(b"A", b"Q", 1))), "edited"),
    "a bit of a signature": (
        lambda c: edit(c.segments[1], at(2, lambda x: x[:-20] + (b"B" if x[-20:-19] != b"B"
                       else b"C") + x[-19:])), "edited"),
    "a keyid": (
        lambda c: edit(c.segments[1], at(2, lambda x: x.replace(c.receipt.keyid.encode(),
                       b"0" * 64))), "foreign-key"),
    "a byte that isn't base64": (
        lambda c: edit(c.segments[1], at(2, lambda x: x[:50] + b"!" + x[51:])), "malformed"),
    "base64 with stray bits": (
        lambda c: edit(c.segments[1], at(2, lambda x: x.replace(b'=="}]}', b'=="}]}')
                       [:-7] + bytes([x[-7] + 1]) + x[-6:])), "malformed"),
    "white space in an envelope": (
        lambda c: edit(c.segments[1], at(2, lambda x: x.replace(b",", b", ", 1))), "malformed"),
    "an envelope's members in another order": (
        lambda c: edit(c.segments[1], at(2, lambda x: json.dumps(
            dict(reversed(json.loads(x).items())), separators=(",", ":")).encode())),
        "malformed"),
    "carriage returns": (
        lambda c: edit(c.segments[1], lambda x: [line + b"\r" for line in x]), "malformed"),
    "a line gone": (lambda c: edit(c.segments[1], lambda x: [*x[:3], *x[4:]]), "dropped"),
    "the first line gone": (lambda c: edit(c.segments[0], lambda x: x[1:]), "dropped"),
    "the last line gone": (lambda c: edit(c.segments[-1], lambda x: x[:-1]), "truncated"),
    "a file cut off mid-line": (
        lambda c: c.segments[-1].write_bytes(c.segments[-1].read_bytes()[:-100]), "truncated"),
    "the last line written over with zeros": (lambda c: edit(
        c.segments[-1], lambda x: [*x[:-1], bytes(len(x[-1]))]), "malformed"),
    "the last line and its end made zeros": (lambda c: c.segments[-1].write_bytes(zeroed(
        c.segments[-1].read_bytes())), "truncated"),
    "a line cut off in the middle of the journal": (
        lambda c: c.segments[1].write_bytes(c.segments[1].read_bytes()[:-100]), "torn"),
    "a line twice": (lambda c: edit(c.segments[1], lambda x: [*x[:3], x[2], *x[3:]]), "repeated"),
    "two lines exchanged": (
        lambda c: edit(c.segments[1], lambda x: [*x[:3], x[4], x[3], *x[5:]]), "reordered"),
    "first and last exchanged": (
        lambda c: edit(c.segments[0], lambda x: [x[-1], *x[1:-1], x[0]]), "reordered"),
    "an empty line": (lambda c: edit(c.segments[1], lambda x: [*x[:3], b"", *x[3:]]), "malformed"),
    "a line of something else": (
        lambda c: edit(c.segments[1], lambda x: [*x[:3], b'{"a":1}', *x[3:]]), "malformed"),
    "zeros over a line": (
        lambda c: edit(c.segments[1], at(3, lambda x: bytes(len(x)))), "malformed"),
    "a segment gone": (lambda c: c.segments[1].unlink(), "dropped"),
    "the last segment gone": (lambda c: c.segments[-1].unlink(), "truncated"),
    "two segments exchanged": (swap_segments, "reordered"),
    "a segment renamed": (
        lambda c: c.segments[1].rename(c.segments[1].with_name("000000000039.jsonl")),
        "misnamed"),
    "a journal gone": (lambda c: shutil.rmtree(c.writers[1]), "truncated"),
    "a journal renamed": (lambda c: c.writers[0].rename(c.state / "journal" / "aaaaaaaa"),
                          "swapped"),
    "a journal copied": (
        lambda c: shutil.copytree(c.writers[1], c.state / "journal" / "zzzzzzzz"), "swapped"),
    "a receipt moved to another journal": (move_line, "swapped"),
    "the end of the journal put back": (
        lambda c: roll_back(c, f"journal/{next((c.old / 'journal').iterdir()).name}"),
        "truncated"),
    "a receipt taken out and added to another journal": (move_to_end, "moved"),
    "the oldest segment gone": (lambda c: c.segments[0].unlink(), "dropped"),
    "a zero byte in a line": (
        lambda c: edit(c.segments[1], at(2, lambda x: x[:90] + b"\0" + x[91:])), "malformed"),
    "a segment emptied": (lambda c: c.segments[1].write_bytes(b""), "dropped"),
    "the last receipt twice": (
        lambda c: edit(c.segments[-1], lambda x: [*x, x[-1]]), "repeated"),
    "a receipt of another boundary": (foreign_line, "foreign-key"),
    "the receipt key swapped": (lambda c: publish(c, "receipt.pub.pem"), "published-file"),
    "the log's key swapped": (lambda c: publish(c, "log.vkey"), "published-file"),
    "the trusted root swapped": (lambda c: publish(c, "trusted_root.json"), "published-file"),
    "all published keys swapped": (lambda c: publish(c, "keys.json"), "published-keys"),
    "a key that is none": (
        lambda c: c.path("receipt.pub.pem").write_bytes(b"x"), "published-file"),
    "carriage returns in the checkpoint": (
        lambda c: change_note(c, b"\n", b"\r\n"), "checkpoint"),
    "a folder in a tile's place": (lambda c: folder_for(c.path("tile/0/000")), "missing-tile"),
    "an entry bundle cut off": (
        lambda c: c.path("tile/entries/000").write_bytes(
            c.path("tile/entries/000").read_bytes()[:-9]), "edited-tile"),
    "a stray tile": (
        lambda c: put(c.path("tile/0/005"), bytes(8192)), "stray-tile"),
    "a stray tile further up": (
        lambda c: put(c.path("tile/3/000.p/1"), bytes(32)), "stray-tile"),
    "a stray partial tile": (
        lambda c: put(c.path("tile/0/001.p/1"), bytes(32)), "stray-tile"),
    "a stray bundle": (lambda c: put(c.path("tile/entries/x001/000"), b""), "stray-tile"),
    "a file among the tiles": (lambda c: put(c.path("tile/0/readme"), b"x"), "stray-tile"),
    "another name of the folder": (
        lambda c: put(c.state / "origin", b"another.helm-boundary.invalid\n"), "origin"),
    "a bit of a full tile": (lambda c: flip(c.path("tile/0/000"), 1000), "edited-tile"),
    "a bit of a partial tile": (lambda c: flip(partial(c, "0"), 5), "edited-tile"),
    "a bit of a tile further up": (lambda c: flip(partial(c, "1"), 5), "edited-tile"),
    "a bit of an entry": (lambda c: flip(c.path("tile/entries/000"), 1000), "edited-tile"),
    "a bit of the last entry": (lambda c: flip(partial(c, "entries"), -3), "edited-tile"),
    "the length of an entry": (lambda c: flip(c.path("tile/entries/000"), 1), "edited-tile"),
    "two entries exchanged": (swap_entries, "edited-tile"),
    "a tile gone": (lambda c: c.path("tile/0/000").unlink(), "missing-tile"),
    "an entry bundle gone": (lambda c: c.path("tile/entries/000").unlink(), "missing-tile"),
    "a tile further up gone": (lambda c: partial(c, "1").unlink(), "missing-tile"),
    "a tile cut off": (
        lambda c: c.path("tile/0/000").write_bytes(c.path("tile/0/000").read_bytes()[:-32]),
        "edited-tile"),
    "a tile that is longer": (
        lambda c: partial(c, "0").write_bytes(partial(c, "0").read_bytes() + bytes(32)),
        "edited-tile"),
    "a partial tile over a full one": (
        lambda c: shutil.copy(partial(c, "0"), c.path("tile/0/000")), "edited-tile"),
    "the checkpoint gone": (lambda c: c.path("checkpoint").unlink(), "no-checkpoint"),
    "the checkpoint empty": (lambda c: c.path("checkpoint").write_bytes(b""), "checkpoint"),
    "a bit of the checkpoint's signature": (
        lambda c: flip(c.path("checkpoint"), -10), "checkpoint"),
    "another size on the checkpoint": (
        lambda c: change_note(c, b"\n3", b"\n4"), "checkpoint"),
    "another origin on the checkpoint": (
        lambda c: change_note(c, b".helm", b".hulm"), "checkpoint"),
    "a line more on the checkpoint": (
        lambda c: change_note(c, b"\n\n", b"\nextension\n\n"), "checkpoint"),
    "no signature on the checkpoint": (
        lambda c: c.path("checkpoint").write_bytes(
            c.path("checkpoint").read_bytes().partition(b"\n\n")[0] + b"\n\n"), "checkpoint"),
    "a checkpoint by another log key": (
        lambda c: sign_note_with(c, signing_keys.generate("log"), c.log.name), "checkpoint"),
    "a checkpoint that was set back": (
        lambda c: roll_back(c, "log/checkpoint"), "old-checkpoint"),
    "a log that was set back": (
        lambda c: roll_back(c, "log/checkpoint", "log/tile", "log-state"), "old-checkpoint"),
    "another boundary's log": (foreign_log, "checkpoint"),
    "another range for the key": (lambda c: set_range(c, last=100), "key-range"),
    "a range that starts later": (lambda c: set_range(c, first=3), "key-range"),
    "published keys that are none": (
        lambda c: c.path("keys.json").write_text("{}"), "published-keys"),
    "every receipt signed by another key": (replace_keys, "foreign-key"),
}  # fmt: skip

WITH_RECEIPT_KEY: dict[str, tuple[Attack, str]] = {
    "a verdict": (
        lambda c: edit(c.segments[1], at(3, reseal(c.key, b'"verdict":"ALLOW"',
                       b'"verdict":"DENY"'))), "replaced"),
    "the last receipt": (
        lambda c: edit(c.segments[-1], lambda x: at(len(x) - 1, reseal(
            c.key, b'"closedCalls":0', b'"closedCalls":1'))(x)), "replaced"),
    "a backdated last receipt": (
        lambda c: edit(c.segments[-1], lambda x: at(len(x) - 1, reseal(
            c.key, b'"decidedAt":"2', b'"decidedAt":"1'))(x)), "backdated"),
    "an outcome left out and the rest signed again": (lambda c: rewrite(c, 4), "replaced"),
    "a receipt added after the end": (add_receipt, "no-session"),
    "a checkpoint signed by the receipt key": (
        lambda c: sign_note_with(c, c.key, c.log.name), "checkpoint"),
    "a payload that is no statement": (
        lambda c: edit(c.segments[1], at(3, lambda x: seal(b"{}", c.key))), "malformed"),
    "a statement that isn't canonical": (
        lambda c: edit(c.segments[1], at(3, reseal(c.key, b'"phase":', b'"phase": '))),
        "malformed"),
    "a retired key that goes on": (retired_key_goes_on, "key-range"),
    "a retired key that goes on where no ranges are published": (
        lambda c: retired_key_goes_on(c, published=False), "retired-key"),
}  # fmt: skip

WITH_EVERY_KEY: dict[str, tuple[Attack, str]] = {
    "a larger size signed": (lambda c: resign(c, size=5000), "missing-tile"),
    "two receipts exchanged in the log": (lambda c: reorder_log(c, 330, 331), "reordered-log"),
    "receipts far apart exchanged in the log": (
        lambda c: reorder_log(c, 325, 332), "reordered-log"),
    "another root signed": (lambda c: resign(c, root=bytes(32)), "wrong-root"),
    "a smaller size signed": (
        lambda c: resign(c, size=200, root=root_at(c, 200)), "old-checkpoint"),
    "a smaller size signed for the same root": (lambda c: resign(c, size=200), "wrong-root"),
    "another origin signed": (
        lambda c: resign(c, origin="another.helm-boundary.invalid"), "checkpoint"),
    "an outcome left out of journal and log": (
        lambda c: rewrite(c, 80, log=True), "missing-outcome"),
    "a request left out of journal and log": (
        lambda c: rewrite(c, 79, log=True), "no-request"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("attack", "kind"),
    [
        pytest.param(attack, kind, id=name)
        for table in (FILES_ONLY, WITH_RECEIPT_KEY, WITH_EVERY_KEY)
        for name, (attack, kind) in table.items()
    ],
)
def test_tampering_is_found_and_named(
    request: pytest.FixtureRequest, case: Case, attack: Attack, kind: str
) -> None:
    """The first bad thing that fsck names has the right kind."""
    if "retired key" in request.node.name:
        skip_rotations_of_copies(case)
    attack(case)
    with pytest.raises(Broken) as caught:
        case.check()
    assert caught.value.kind == kind, str(caught.value)


def skip_rotations_of_copies(case: Case) -> None:
    """Skip what needs a rotation: nobody writes on in a copy of a database's receipts."""
    if (case.old.parent / "own").exists():
        pytest.skip("keys of a database's receipts aren't rotated yet")


def check_with_two(case: Case) -> FsckReport:
    """Have the lines checked by two other processes."""
    with start_checkers(2) as check:
        return fsck(case.state, [case.receipt], [case.log], check=check)


def test_checking_in_several_processes_finds_the_same(case: Case) -> None:
    """Lines checked ahead by others: the same counts; the same names for what is wrong."""

    def check_alone() -> object:
        return fsck(case.state, [case.receipt], [case.log])

    assert check_with_two(case) == check_alone()
    for name in ("a bit of a payload", "a line gone", "a segment renamed", "a journal copied"):
        FILES_ONLY[name][0](case)
        with pytest.raises(Broken) as alone:
            check_alone()
        with pytest.raises(Broken) as together:
            check_with_two(case)
        assert str(together.value) == str(alone.value)


def test_rotated_keys_are_followed_by_other_processes(case: Case) -> None:
    """A key that comes in on the way is known to them only from keys.json, or not at all."""
    skip_rotations_of_copies(case)
    rotate_receipt_key(Layout(case.state), Boundary("x", "0.1.0", "00" * 32))
    record_calls(case.state, 5)
    whole = check_with_two(case)
    case.path("keys.json").unlink()
    assert check_with_two(case) == whole


def test_there_are_many_kinds_of_tampering() -> None:
    """The table doesn't shrink by accident."""
    assert len(FILES_ONLY) + len(WITH_RECEIPT_KEY) + len(WITH_EVERY_KEY) >= 90


def test_a_history_forged_with_every_key_is_found_by_a_kept_checkpoint(case: Case) -> None:
    """A whole history that was forged is consistent; it doesn't continue what was seen before."""
    for segment in case.segments:
        segment.unlink()
    shutil.rmtree(case.state / "journal")
    for name in ("tile", "checkpoint"):
        path = case.path(name)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(case.state / "log-state")
    record_calls(case.state, 60)
    case.check()
    with pytest.raises(Broken, match="forked-log"):
        case.check(case.kept)


def test_a_log_shorter_than_a_kept_checkpoint_is_found(case: Case) -> None:
    """A checkpoint somebody kept is newer: set back or a fork, where nothing else is left."""
    newer = case.path("checkpoint").read_bytes()
    shutil.rmtree(case.state)
    shutil.copytree(case.old, case.state)
    case.check()
    with pytest.raises(Broken, match="set back, or it is another history") as caught:
        case.check(newer)
    assert caught.value.kind == "shorter-log"


def test_a_checkpoint_of_a_larger_fork_is_not_called_set_back(case: Case) -> None:
    """Tiles that go on are compared with what was kept."""
    now = parse_checkpoint(case.path("checkpoint").read_bytes())
    fork = sign_checkpoint(Checkpoint(now.origin, now.size, bytes(32)), case.log_key)
    kept = case.path("checkpoint").read_bytes()
    roll_back(case, "log/checkpoint")
    for note, kind in ((fork, "forked-log"), (kept, "old-checkpoint")):
        with pytest.raises(Broken) as caught:
            case.check(note)
        assert caught.value.kind == kind


def test_an_edited_opening_key_opens_nothing(case: Case) -> None:
    """A body that was changed isn't the one; a changed opening key is refused, not believed."""
    record = next(
        r for r in read_records(case.state / "journal") if r.predicate["phase"] == "request"
    )
    body = b'{"model":"gpt-4o"}'
    assert opens(case.state / "keys", record, "request", body)
    assert not opens(case.state / "keys", record, "request", body + b" ")
    (path,) = (case.state / "keys").glob("opening-*.key")
    label, _, secret = path.read_text().partition("\n")
    path.write_text(f"{label}\n{secret[::-1].strip()}\n")
    with pytest.raises(KeyRefused, match="found another"):
        opens(case.state / "keys", record, "request", body)
