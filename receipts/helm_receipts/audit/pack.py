"""Verification of an evidence pack: receipts of a time, their proofs, a checkpoint, in one file.

    manifest.json                          what the pack says it is, and the hash of every file
    log/checkpoint                         the log's size and root, signed
    receipts/<writer>/<first>.jsonl        a writer's receipts, one after the other
    proofs/<receipt id>.tlog-proof         that a receipt is in the log, under that checkpoint
    policy/<digest>/statement.json         what the digest in receipts is the SHA-256 of
    policy/<digest>/modules/<n>/<name>     the Rego that the statement has the hashes of
    keys/, README.md, helm-verify.pyz      for the reader; nothing here is believed

What is in the pack is believed for no other reason than the keys that the caller names.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from helm_receipts.envelope.checkpoint import Checkpoint, verify_by_any
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.envelope.public_keys import PublicKey
from helm_receipts.envelope.record import receipt_id
from helm_receipts.errors import Broken, ProofRefused, naming
from helm_receipts.journal.beginnings import Beginnings
from helm_receipts.journal.calls import Calls
from helm_receipts.journal.chain import WriterChain
from helm_receipts.journal.reader import Line
from helm_receipts.log.inclusion import parse_proof

from .checked_line import CheckedLine, check_line
from .keyring import KeyRing
from .verify import JournalWalk, Totals, totals

_MAX_BYTES = 2**31
MANIFEST = "manifest.json"
FORMAT = "helm-boundary evidence pack v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackReport(Totals):
    """What was verified, and what the pack doesn't have."""

    origin: str
    size: int
    root: str
    first: int
    """The log's index of the first receipt here."""
    last: int
    left_out: int
    """How many entries between those two aren't here."""
    not_in_log: int
    policies: tuple[str, ...] = ()
    """Digests of policies whose sources are here, and are what receipts name."""

    @property
    def is_complete(self) -> bool:
        """Whether there is something, in the log, with nothing left out in between."""
        return bool(self.receipts) and not (self.left_out or self.not_in_log or self.set_back)


def verify_pack(path: Path, trusted: Sequence[PublicKey], log_keys: Sequence[LogKey]) -> PackReport:
    """Verify a pack, whole; `Broken` names the first thing that is wrong with it."""
    with zipfile.ZipFile(path) as pack:
        # 1. Each file is there once, and is what the manifest says. Nothing else is in the pack.
        names = _names(pack)
        # 2. The checkpoint is signed by the log's key.
        note = pack.read("log/checkpoint") if "log/checkpoint" in names else b""
        with naming("checkpoint", "log/checkpoint", ProofRefused):
            checkpoint = verify_by_any(note, log_keys)
        receipts = _Receipts(pack, note, checkpoint, trusted)
        for name in names:
            if name.startswith("receipts/"):
                receipts.accept(name)
        # 5. Sources of policies are what their digests say.
        policies = tuple(_policies(pack, names))
        for digest in {*policies} - receipts.policies:
            raise Broken("policy", f"policy/{digest}", "no receipt here was decided by it")
    return _report(checkpoint, receipts, policies)


class _Receipts:
    """The receipts of a pack, verified one after the other."""

    def __init__(
        self,
        pack: zipfile.ZipFile,
        note: bytes,
        checkpoint: Checkpoint,
        trusted: Sequence[PublicKey],
    ) -> None:
        self.walks: list[JournalWalk] = []
        self.indexes: set[int] = set()
        self.missing = 0
        self.policies: set[str] = set()
        """The digests of policies that receipts name."""
        self._pack, self._note, self._checkpoint = pack, note, checkpoint
        self._ring, self._calls, self._beginnings = KeyRing(list(trusted)), Calls(), Beginnings()

    def accept(self, name: str) -> None:
        """Verify a writer's receipts, from the first that is here on."""
        for number, line in enumerate(_lines(self._pack, name)):
            checked = check_line(line, self._ring.trusted)
            if not number:
                self.walks.append(self._start(line, checked.predicate["sequence"]))
            # 3. It verifies by itself and follows from the one before it.
            self.walks[-1].accept(line, checked)
            # 4. It is in the log, where its proof says.
            self._prove(line, checked)

    def _start(self, line: Line, sequence: dict[str, Any]) -> JournalWalk:
        writer = line.segment.parent.name
        if writer in [walk.chain.writer for walk in self.walks]:
            raise Broken("malformed", line, "a writer's receipts are in one file")
        chain = WriterChain(writer, self._calls)
        if sequence["number"] != 1:
            chain = WriterChain.midway(writer, sequence, self._calls)
        return JournalWalk(chain, self._ring, self._beginnings)

    def _prove(self, line: Line, checked: CheckedLine) -> None:
        sequence, policy = checked.predicate["sequence"], checked.predicate.get("policy") or {}
        self.policies.add(policy.get("digest", {}).get("sha256", ""))
        name = f"proofs/{receipt_id(sequence['writer'], sequence['number'])}.tlog-proof"
        if name not in self._pack.NameToInfo:
            self.missing += 1
            return
        with naming("proof", name, ProofRefused):
            proof = parse_proof(self._pack.read(name))
            if proof.note != self._note:
                raise ProofRefused("it is under another checkpoint")
            proof.verify_under(checked.entry, self._checkpoint)
        if proof.index in self.indexes:
            raise Broken("repeated", line, f"two receipts have the index {proof.index}")
        self.indexes.add(proof.index)


def _names(pack: zipfile.ZipFile) -> list[str]:
    infos = pack.infolist()
    names = [info.filename for info in infos]
    if len(set(names)) != len(names) or sum(info.file_size for info in infos) > _MAX_BYTES:
        raise Broken("malformed", "the pack", "a file is in it twice, or it is larger than 2 GiB")
    if MANIFEST not in names:
        raise Broken("malformed", MANIFEST, "isn't in the pack")
    with naming("malformed", MANIFEST, ValueError, KeyError, TypeError, RecursionError):
        said = json.loads(pack.read(MANIFEST))
        kind, files = said["format"], dict(said["files"])
    if kind != FORMAT:
        raise Broken("malformed", MANIFEST, f"expected {FORMAT!r}, found {str(kind)[:60]!r}")
    for name in sorted(map(str, {*files, *names} - {MANIFEST})):
        if name not in names or name not in files:
            where = "the manifest" if name in names else "the pack"
            raise Broken("replaced", name, f"isn't in {where}")
        if hashlib.sha256(pack.read(name)).hexdigest() != files[name]:
            raise Broken("replaced", name, "isn't the file that the manifest has the hash of")
    return sorted(names)


def _lines(pack: zipfile.ZipFile, name: str) -> Iterator[Line]:
    offset, place = 0, Path(PurePosixPath(name))
    lines = pack.read(name).split(b"\n")
    if lines.pop() or not lines:
        raise Broken("torn", name, "expected whole lines")
    for raw in lines:
        yield Line(place, offset, raw)
        offset += len(raw) + 1


def _policies(pack: zipfile.ZipFile, names: list[str]) -> Iterator[str]:
    for name in names:
        if name.startswith("policy/") and name.endswith("/statement.json"):
            digest, text = name.split("/")[1], pack.read(name)
            if hashlib.sha256(text).hexdigest() != digest:
                raise Broken("policy", name, "its SHA-256 isn't the digest it stands under")
            with naming("policy", name, ValueError, KeyError, TypeError, RecursionError):
                stated = {f"policy/{digest}/modules/{n}": h for n, h in json.loads(text)["modules"]}
            for each in {*stated, *(n for n in names if n.startswith(f"policy/{digest}/modules/"))}:
                text = pack.read(each) if each in names else b""
                if hashlib.sha256(text).hexdigest() != stated.get(each):
                    raise Broken("policy", each, "isn't the module that the statement names")
            yield digest


def _report(checkpoint: Checkpoint, receipts: _Receipts, policies: tuple[str, ...]) -> PackReport:
    indexes = receipts.indexes
    first, last = min(indexes, default=0), max(indexes, default=0)
    return PackReport(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        **totals(receipts.walks),
        first=first,
        last=last,
        left_out=last - first + 1 - len(indexes) if indexes else 0,
        not_in_log=receipts.missing,
        policies=policies,
    )
