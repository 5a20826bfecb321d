"""Exports: nothing that doesn't verify is exported or signed again, whatever was done to it."""

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from helm_boundary.cli.receipts import receipts
from helm_receipts.envelope import canonical_encoding, dsse, key_files, signing_keys
from helm_receipts.envelope.record import parse_statement
from helm_receipts.envelope.signatures import seal
from helm_receipts.export import receipt_v5
from helm_receipts.journal.records import read_records
from helm_receipts.journal.segments import list_segments
from support.receipts import journal_of, outcome, record_calls, recording, request, unpin

FORMS = ("intoto", "bundle", "bundle-with-log", "receipt.v5")


def run(*arguments: object) -> Result:
    """Run `helm-boundary receipts …`."""
    return CliRunner().invoke(receipts, [str(argument) for argument in arguments])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Two sessions with calls, in several segments."""
    folder = tmp_path / "state"
    record_calls(folder, 12, segment_bytes=20_000)
    record_calls(folder, 4, segment_bytes=20_000)
    assert len(list_segments(journal_of(folder))) > 2
    return folder


def edit(state: Path, change: Callable[[list[bytes]], list[bytes]], which: int = 0) -> None:
    """Change a segment's lines."""
    path = list_segments(journal_of(state))[which]
    path.write_bytes(b"".join(line + b"\n" for line in change(path.read_bytes().splitlines())))


def reworded(line: bytes) -> bytes:
    """Change what a receipt says and keep its signature."""
    value = json.loads(line)
    payload = dsse.parse_line(line).payload
    changed = payload.replace(b'"ALLOW"', b'"DENY"')
    assert changed != payload
    value["payload"] = base64.b64encode(changed).decode()
    return json.dumps(value, separators=(",", ":")).encode()


def sign_again(state: Path, with_keys: bool) -> None:
    """Sign all receipts again with a key of the forger's own, one of them changed."""
    mine, previous = signing_keys.generate("receipt"), None
    for segment in list_segments(journal_of(state)):
        fresh = []
        for line in segment.read_bytes().splitlines():
            statement = parse_statement(dsse.parse_line(line).payload)
            said = statement["predicate"]
            if said["phase"] == "outcome":
                said["verdict"] = "DENY"
            if previous is not None:
                said["sequence"]["previous"] = {"sha256": previous}
            fresh.append(seal(canonical_encoding.encode(statement), mine))
            previous = hashlib.sha256(fresh[-1]).hexdigest()
        segment.write_bytes(b"".join(line + b"\n" for line in fresh))
    if with_keys:
        (state / "keys/receipt.pem").write_bytes(key_files.private_text(mine))
        published = json.loads((state / "log/keys.json").read_text())
        published["receipt"][0] |= {"keyid": mine.keyid, "public": mine.public.raw.hex()}
        (state / "log/keys.json").write_text(json.dumps(published))
        shutil.rmtree(state / "log-state")
        (state / "log/checkpoint").unlink()


def halve(state: Path) -> None:
    """Cut off the last half of the last segment, in the middle of a line."""
    path = list_segments(journal_of(state))[-1]
    text = path.read_bytes().rstrip(b"\0")
    path.write_bytes(text[: len(text) // 2])


def drop_the_end(state: Path) -> None:
    """Whole lines gone from the end, and what the log noted of them too."""
    edit(state, lambda lines: lines[:-2], which=-1)
    shutil.rmtree(state / "log-state")


TAMPERING: dict[str, Callable[[Path], object]] = {
    "edited": lambda s: edit(s, lambda x: [*x[:3], reworded(x[3]), *x[4:]]),
    "edited at the end": lambda s: edit(s, lambda x: [*x[:-1], reworded(x[-1])], which=-1),
    "reordered": lambda s: edit(s, lambda x: [*x[:3], x[4], x[3], *x[5:]]),
    "a line gone": lambda s: edit(s, lambda x: [*x[:3], *x[4:]]),
    "a line twice": lambda s: edit(s, lambda x: [*x[:3], x[3], *x[3:]]),
    "a segment gone": lambda s: list_segments(journal_of(s))[1].unlink(),
    "a segment cut": lambda s: edit(s, lambda x: x[:-3], which=1),
    "the end cut off": halve,
    "the end gone, and the log's notes": drop_the_end,
    "zeros over a line": lambda s: edit(s, lambda x: [*x[:3], bytes(len(x[3])), *x[4:]]),
    "signed by another key": lambda s: sign_again(s, with_keys=False),
    "signed by another key that lies there": lambda s: sign_again(s, with_keys=True),
    "another checkpoint": lambda s: (s / "log/checkpoint").write_bytes(b"x\n1\nAA==\n\n"),
}


@pytest.mark.parametrize("form", [*FORMS, "proof"])
@pytest.mark.parametrize("tamper", TAMPERING.values(), ids=TAMPERING.keys())
def test_nothing_is_exported_from_a_folder_that_was_tampered_with(
    state: Path, tmp_path: Path, tamper: Callable[[Path], object], form: str
) -> None:
    """Exit 1, a named error, no output: neither a file nor on stdout."""
    first = next(iter(read_records(state / "journal"))).id
    last = list(read_records(state / "journal"))[-1].id
    tamper(state)
    output = tmp_path / "out"
    for chosen in ((), (first,), (last,)):
        if form == "proof" and not chosen:
            continue
        command = ["prove"] if form == "proof" else ["export", "--format", form]
        for more in (("-o", output), ()):
            result = run(*command, "--state", state, *more, *chosen)
            assert result.exit_code == 1, result.output
            assert result.stdout == ""
            assert "doesn't verify" in result.stderr
            assert ": " in result.stderr
        assert not output.exists()


def test_nothing_is_exported_with_a_private_key_that_did_not_sign_the_journal(
    state: Path, tmp_path: Path
) -> None:
    """Only his private key, with everything else as it was: it hasn't signed these receipts."""
    (state / "keys/receipt.pem").write_bytes(
        key_files.private_text(signing_keys.generate("receipt"))
    )
    result = run("export", "--state", state, "--format", "receipt.v5", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "hasn't signed these receipts" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", FORMS)
def test_receipts_are_exported_while_a_recorder_runs(tmp_path: Path, form: str) -> None:
    """The segment that is being written ends in zeros, calls are open, the log is behind."""
    state = tmp_path / "state"
    with recording(state) as recorder:
        for name in "abc":
            recorder.record_now(request(name))
            recorder.record_now(outcome(name))
        recorder.record_now(request("open"))
        (segment,) = list_segments(journal_of(state))
        assert segment.read_bytes().endswith(b"\0")
        if form != "bundle-with-log":
            result = run("export", "--state", state, "--format", form)
            assert result.exit_code == 0, result.output
            assert len(result.stdout.splitlines()) == (1 if form == "receipt.v5" else 8)
    assert run("export", "--state", state, "--format", form).exit_code == 0


def test_a_bundle_has_no_keyid(state: Path) -> None:
    """sigstore-go refuses one; the key is hinted at beside the envelope."""
    for form in ("bundle", "bundle-with-log"):
        line = run("export", "--state", state, "--format", form).stdout.splitlines()[0]
        bundle = json.loads(line)
        (signature,) = bundle["dsseEnvelope"]["signatures"]
        assert list(signature) == ["sig"]
        assert bundle["verificationMaterial"]["publicKey"]["hint"]


def test_sessions_for_helm_are_files_of_their_own(state: Path, tmp_path: Path) -> None:
    """As `receipt_verify` takes them, with the key in hex; several aren't put into one file."""
    command = ("export", "--state", state, "--format", "receipt.v5", "-o")
    refused = run(*command, tmp_path / "out")
    assert refused.exit_code == 2
    assert "2 sessions" in refused.stderr
    assert not (tmp_path / "out").exists()
    assert run(*command, f"{tmp_path}/out/").exit_code == 0
    files = sorted((tmp_path / "out").glob("*.json"))
    key = (tmp_path / "out/receipt.pub.hex").read_text().strip()
    assert [len(json.loads(file.read_text())["receipts"]) for file in files] == [24, 8]
    assert {json.loads(file.read_text())["public_key_hex"] for file in files} == {key}
    assert run("export", "--state", state, "--format", "intoto", "-o", tmp_path).exit_code == 2


def test_what_was_only_observed_says_so_to_helm(tmp_path: Path) -> None:
    """No status of an observed call claims that anything was done."""
    with recording(tmp_path) as recorder:
        recorder.record_now(replace(request("a", "DENY"), enforcement="observed"))
        recorder.record_now(replace(outcome("a", "DENY", "complete"), enforcement="observed"))
        recorder.record_now(request("b"))
        recorder.record_now(outcome("b"))
    (line,) = run("export", "--state", tmp_path, "--format", "receipt.v5").stdout.splitlines()
    told = [(each["verdict"], each["status"]) for each in json.loads(line)["receipts"]]
    assert told == [
        ("DENY", "OBSERVED"), ("DENY", "OBSERVED"), ("ALLOW", "ALLOW"), ("ALLOW", "COMPLETED"),
    ]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_pruned_journal_is_exported_with_a_notice(state: Path, tmp_path: Path, form: str) -> None:
    """Pruned, or copied in part: what is there verifies, its beginning doesn't."""
    first, *rest = list_segments(journal_of(state))
    gone, here = len(first.read_bytes().splitlines()), list(read_records(state / "journal"))
    first.unlink()
    assert rest
    result = run("export", "--state", state, "--format", form, "-o", tmp_path / "out")
    assert result.exit_code == 3, result.output
    assert f"begins with receipt {gone + 1}: those before aren't here" in result.stderr
    lines = (tmp_path / "out").read_bytes().splitlines()
    if form != "receipt.v5":
        assert len(lines) == len(here) - gone
        return
    # Of the first session the beginning is missing, so no chain is made that pretends to start.
    (bundle,) = map(json.loads, lines)
    key = key_files.load(state / "keys/receipt.pem", "receipt").public
    assert receipt_v5.verify_chain(bundle["receipts"], key) == 8
    assert bundle["receipts"][0]["receipt_id"] == here[-9].id


def test_nothing_is_exported_from_a_pruned_journal_that_was_tampered_with(state: Path) -> None:
    """That earlier ones are missing excuses nothing."""
    first, *_ = list_segments(journal_of(state))
    first.unlink()
    edit(state, lambda lines: lines[1:])
    result = run("export", "--state", state, "--format", "intoto")
    assert (result.exit_code, result.stdout) == (1, "")


@pytest.mark.parametrize("form", FORMS)
def test_a_folder_without_a_pin_is_exported_with_a_notice(state: Path, form: str) -> None:
    """It is consistent; whose it is, only whoever names its key can say."""
    unpin(state)
    result = run("export", "--state", state, "--format", form)
    assert result.exit_code == 3
    assert "not whose it is" in result.stderr
    assert result.stdout
    named = ("--key", state / "log/receipt.pub.pem", "--vkey", state / "log/log.vkey")
    assert run("export", "--state", state, "--format", form, *named).exit_code == 0


def test_a_copy_without_private_keys_exports_nothing_that_is_signed_again(state: Path) -> None:
    """And makes no keys of its own to do so."""
    shutil.rmtree(state / "keys")
    result = run("export", "--state", state, "--format", "receipt.v5")
    assert (result.exit_code, result.stdout) == (2, "")
    assert not (state / "keys").exists()
    assert run("export", "--state", state, "--format", "bundle-with-log").exit_code == 0


@pytest.mark.parametrize("command", ["show", "explain", "salt", "json"])
def test_an_edited_receipt_is_shown_as_not_verified(state: Path, command: str) -> None:
    """First thing, before what it says; and no salt is given away for it."""
    identity = list(read_records(state / "journal"))[3].id
    edit(state, lambda x: [*x[:3], reworded(x[3]), *x[4:]])
    arguments = {"show": ("show",), "explain": ("explain",), "json": ("show", "--json"),
                 "salt": ("explain", "--opening", "request")}[command]  # fmt: skip
    result = run(arguments[0], "--state", state, *arguments[1:], identity)
    assert result.exit_code == 1
    if command == "json":
        assert json.loads(result.output)["verified"] is False
        return
    assert result.output.startswith("NOT VERIFIED")
    assert "salt  " not in result.output
    assert "signed exactly this" not in result.output


def test_a_receipt_in_the_place_of_another_is_not_shown_as_that(state: Path) -> None:
    """Lines that were exchanged are named."""
    identity = list(read_records(state / "journal"))[3].id
    edit(state, lambda x: [*x[:3], x[4], x[3], *x[5:]])
    for command in ("show", "explain", "prove"):
        result = run(command, "--state", state, identity)
        assert result.exit_code == 1
        assert "reordered" in result.output


PENDING = {
    "the last": lambda x: [*x[:-1], reworded(x[-2])],
    "one before it": lambda x: [*x[:-3], reworded(x[-3]), *x[-2:]],
    "one gone": lambda x: [*x[:-3], *x[-2:]],
    "two exchanged": lambda x: [*x[:-3], x[-2], x[-3], x[-1]],
    "one by another key": lambda x: [
        *x[:-1], seal(dsse.parse_line(x[-1]).payload, signing_keys.generate("receipt"))],
}  # fmt: skip


@pytest.mark.parametrize("change", PENDING.values(), ids=PENDING.keys())
def test_the_log_commits_to_no_line_that_was_changed(
    tmp_path: Path, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    """What isn't in the log yet is verified before a checkpoint is signed for it."""
    state = tmp_path / "state"
    record_calls(state, 3)
    with recording(state) as recorder:
        recorder._integrator.close()
        for name in "abc":
            recorder.record_now(request(name))
            recorder.record_now(outcome(name))
        shutil.copytree(state, tmp_path / "behind")
    behind = tmp_path / "behind"
    (segment,) = list_segments(journal_of(behind))
    lines = change(segment.read_bytes().rstrip(b"\0").splitlines())
    text = b"".join(line + b"\n" for line in lines)
    segment.write_bytes(text)
    (journal_of(behind) / "durable").write_bytes(b"%020d %020d\n" % (1, len(text)))
    before = (behind / "log/checkpoint").read_bytes()
    refused = run("integrate", "--state", behind)
    assert refused.exit_code == 1, refused.output
    assert "nothing was signed" in refused.output
    assert (behind / "log/checkpoint").read_bytes() == before


def test_a_log_without_a_checkpoint_is_rebuilt_only_from_journals_that_verify(state: Path) -> None:
    """Nobody has signed for the tree then: the journals must vouch for it."""
    (state / "log/checkpoint").unlink()
    shutil.copytree(state, state.parent / "whole")
    assert run("integrate", "--state", state.parent / "whole", "--rebuild").exit_code == 0
    assert run("fsck", state.parent / "whole").exit_code == 0
    edit(state, lambda x: [*x[:3], reworded(x[3]), *x[4:]])
    refused = run("integrate", "--state", state, "--rebuild")
    assert refused.exit_code == 1
    assert not (state / "log/checkpoint").exists()
