"""The layout of a state folder.

journal/<writer>/<first number>.jsonl     the truth: one envelope a line, then perhaps zeros
journal/<writer>/durable                  how far the writer's journal is durable
quarantine/                               bytes that were never acknowledged
keys/                                     private keys, 0600
log/                                      derived, may be published: tiles, checkpoint, keys
log-state/                                how the log was made: tree.json, order.jsonl
run/                                      the sockets of the boundaries that run on it
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders and files of one state folder."""

    state: Path

    @property
    def journal(self) -> Path:
        """The receipts, a folder for each writer."""
        return self.state / "journal"

    @property
    def quarantine(self) -> Path:
        """Bytes that were cut off a journal's end."""
        return self.state / "quarantine"

    @property
    def keys(self) -> Path:
        """The private keys."""
        return self.state / "keys"

    @property
    def log(self) -> Path:
        """What may be published."""
        return self.state / "log"

    @property
    def log_state(self) -> Path:
        """What the log is continued from."""
        return self.state / "log-state"

    @property
    def run(self) -> Path:
        """The sockets of running boundaries."""
        return self.state / "run"

    @property
    def origin(self) -> Path:
        """The file that holds this state folder's name, which outlives every key."""
        return self.state / "origin"
