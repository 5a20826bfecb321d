"""The receipt keys that may have signed what, starting from those that the auditor trusts.

A key hands over to the next one in a writer's own journal, by two receipts one after the other:
"retired", signed by the old key and naming the new one, and "introduced", signed by the new key
and naming the old one. Nothing else brings a key in; what a folder says about its keys in other
files is never believed.
"""

from typing import Any

from helm_receipts.envelope.public_keys import PublicKey, public_key
from helm_receipts.errors import Broken, KeyRefused


class KeyRing:
    """The keys that are trusted so far, and the one that each writer is signing with."""

    def __init__(self, trusted: list[PublicKey]) -> None:
        self.trusted = {key.keyid: key for key in trusted}
        self.retired: dict[str, str] = {}
        """Of each key that was retired, the one that it handed over to."""
        self._current: dict[str, PublicKey] = {}
        self._successor: dict[str, PublicKey] = {}

    @property
    def in_use(self) -> list[PublicKey]:
        """The keys that writers sign with now."""
        keys = {key.keyid: key for key in self._current.values() if key.keyid not in self.retired}
        return list(keys.values())

    def key_for(self, place: object, writer: str, keyid: str) -> PublicKey:
        """Find the key that must sign the writer's next receipt; `Broken` when it names another.

        The keyid only chooses among trusted keys, and only for a writer's first receipt.
        """
        key = self._successor.get(writer) or self._current.get(writer) or self.trusted.get(keyid)
        if key is None or key.keyid != keyid:
            expected = key.keyid[:16] if key else "one of the trusted keys"
            found = f"expected a signature by {expected}, found one by {keyid[:16]}"
            remedy = "after rotations, name the first key, which leads to the later ones"
            raise Broken("foreign-key", place, f"{found}; no rotation brought that in ({remedy})")
        return key

    def follow(self, place: object, writer: str, key: PublicKey, predicate: dict[str, Any]) -> None:
        """Note from a verified receipt who signs next, and which keys are retired."""
        event = _rotation(predicate)
        awaited = self._successor.pop(writer, None)
        if awaited is not None and not _introduces(event, self._current[writer]):
            raise Broken("foreign-key", place, "the new key doesn't name the one before it")
        if awaited is None and event.get("kind") == "introduced":
            raise Broken("foreign-key", place, "a key introduces itself without a predecessor")
        self._current[writer] = key
        if event.get("kind") == "retired":
            self._retire(place, writer, key, event)

    def refuse_retired(self, place: object, key: PublicKey, predicate: dict[str, Any]) -> None:
        """Refuse a decision by a key that was retired before it; `Broken` says so.

        Before it in the log's order, which is one for all writers. A retired key still signs the
        sessions and the rotations of writers that follow the rotation later.
        """
        if key.keyid in self.retired and predicate["phase"] not in ("key", "session"):
            raise Broken("retired-key", place, f"signed by {key.keyid[:16]} after its rotation")

    def _retire(self, place: object, writer: str, key: PublicKey, event: dict[str, Any]) -> None:
        try:
            successor = public_key(bytes.fromhex(event["successor"]))
        except (KeyError, TypeError, ValueError, KeyRefused) as error:
            raise Broken("malformed", place, f"a rotation names no usable key: {error}") from error
        if self.retired.setdefault(key.keyid, successor.keyid) != successor.keyid:
            # Or whoever stole a key that was retired could bring in one of his own with it.
            found = f"{key.keyid[:16]} hands over to {successor.keyid[:16]}, but has handed over to"
            raise Broken("retired-key", place, f"{found} {self.retired[key.keyid][:16]}")
        self._successor[writer] = successor
        self.trusted[successor.keyid] = successor


def _rotation(predicate: dict[str, Any]) -> dict[str, Any]:
    event = predicate.get("event")
    if predicate.get("phase") == "key" and isinstance(event, dict):
        return event if event.get("role") == "receipt" else {}
    return {}


def _introduces(event: dict[str, Any], old: PublicKey) -> bool:
    return event.get("kind") == "introduced" and event.get("predecessor") == old.raw.hex()
