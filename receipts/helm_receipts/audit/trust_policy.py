"""Trust policies: which logs and witnesses an auditor believes, and how many of them it takes.

Source: https://c2sp.org/tlog-policy:

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <member>...
    quorum <name>|none
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from helm_receipts.envelope.checkpoint import parse_checkpoint, verify_checkpoint
from helm_receipts.envelope.cosignature import WitnessKey, cosignatures
from helm_receipts.envelope.note_keys import LogKey
from helm_receipts.errors import Broken, KeyRefused, ProofRefused, naming
from helm_receipts.layout import Layout

NONE = "none"


@dataclass(slots=True)
class TrustPolicy:
    """Logs, witnesses by their names in the file, groups of them, and the quorum."""

    logs: list[LogKey] = field(default_factory=list)
    witnesses: dict[str, WitnessKey] = field(default_factory=dict)
    groups: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    """How many members a group needs, and which it has."""
    quorum: str = ""

    def require(self, note: bytes, place: str) -> Mapping[str, int]:
        """Return who has cosigned a note and when; `Broken` where that isn't the quorum."""
        found = {
            name: time
            for name, witness in self.witnesses.items()
            for _, time in cosignatures(note, [witness])
        }
        if self.logs and not any(_signed(note, log) for log in self.logs):
            raise Broken("checkpoint", place, "it isn't signed by a log that the policy knows")
        if self.quorum != NONE and not self._has(self.quorum, found):
            seen = ", ".join(sorted(found)) or "nobody"
            raise Broken("unwitnessed", place, f"cosigned by {seen}, not by {self.quorum!r}")
        return found

    def _has(self, name: str, found: Mapping[str, int]) -> bool:
        if name in self.witnesses:
            return name in found
        needed, members = self.groups[name]
        return sum(self._has(member, found) for member in members) >= needed


def witnessed(layout: Layout, policy: TrustPolicy) -> tuple[bytes, tuple[str, ...]]:
    """Return the checkpoint that witnesses have cosigned, and who did when, in words.

    `Broken` where there is none, or where those who did aren't the quorum. Whether the log
    continues it is for `fsck` to say, as of every checkpoint that somebody kept.
    """
    path = layout.log / "checkpoint.witnessed"
    if not path.is_file():
        raise Broken("unwitnessed", "log/checkpoint.witnessed", "no checkpoint was ever cosigned")
    note = path.read_bytes()
    with naming("checkpoint", "log/checkpoint.witnessed", ProofRefused):
        found = policy.require(note, "log/checkpoint.witnessed")
    size = parse_checkpoint(note).size
    return note, tuple(
        f"{size} entries by {name} at {datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"
        for name, time in sorted(found.items())
    )


def parse_policy(text: str) -> TrustPolicy:
    """Parse a policy file; `KeyRefused` names the line that isn't as the source says."""
    policy = TrustPolicy()
    for number, line in enumerate(text.split("\n"), 1):
        words = line.replace("\t", " ").split()
        if not words or words[0].startswith("#"):
            continue
        try:
            _read(policy, words)
        except (ValueError, IndexError, KeyRefused) as error:
            raise KeyRefused(f"trust policy, line {number}: {error}: {line.strip()!r}") from error
    if not policy.quorum:
        raise KeyRefused("trust policy: expected a quorum line, found none")
    return policy


def _read(policy: TrustPolicy, words: list[str]) -> None:
    known = {*policy.witnesses, *policy.groups}
    match words:
        case ["log", vkey] | ["log", vkey, _]:
            log = LogKey.parse(vkey)
            _refuse(log.key in [each.key for each in policy.logs], "a log is listed twice")
            policy.logs.append(log)
        case ["witness", name, vkey] | ["witness", name, vkey, _]:
            witness = WitnessKey.parse(vkey)
            twice = witness.key in [each.key for each in policy.witnesses.values()]
            _refuse(twice or name in known or name == NONE, "a name or key is used twice")
            policy.witnesses[name] = witness
        case ["group", name, needed, *members]:
            _refuse(name in known or name == NONE, "a name is used twice")
            _refuse(not members or not known.issuperset(members), "a member isn't defined above")
            _refuse(len(set(members)) < len(members), "a member is listed twice")
            count = {"all": len(members), "any": 1}.get(needed) or int(needed)
            _refuse(not 1 <= count <= len(members), "more are needed than there are")
            policy.groups[name] = count, tuple(members)
        case ["quorum", name]:
            _refuse(bool(policy.quorum), "there is a quorum already")
            _refuse(name != NONE and name not in known, "it isn't defined above")
            policy.quorum = name
        case _:
            raise ValueError("expected log, witness, group or quorum")


def _refuse(is_wrong: bool, why: str) -> None:
    if is_wrong:
        raise ValueError(why)


def _signed(note: bytes, log: LogKey) -> bool:
    try:
        verify_checkpoint(note, log)
    except ProofRefused:
        return False
    return True
