"""The sources of policies that decided, kept by the digests that receipts name them by.

    <state>/policies/<digest>.json      {"modules": {name: Rego}, "statement": text}

The digest is the SHA-256 of the statement, which has the hash of each module, the data and the
detectors. So whoever has a receipt can tell, without us, whether these are what decided.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from helm_boundary.policy.sources.policy import Policy
from helm_receipts.storage import durable

logger = logging.getLogger(__name__)


def keep(state: Path, policy: Policy) -> None:
    """Keep a policy's sources, once; where that fails, the log says so and calls go on."""
    path = kept_file(state, policy.digest)
    if not policy.stated or path.exists():
        return
    value = {"modules": dict(policy.named_modules), "statement": policy.stated}
    try:
        durable.make_folder(path.parent)
        durable.replace_file(path, json.dumps(value).encode(), 0o600)
    except OSError as error:
        logger.warning("helm-boundary: the policy's sources can't be kept in %s: %s", path, error)


def sources_of(state: Path, digests: Iterable[str]) -> dict[str, bytes]:
    """Read what was kept of policies, as files of an evidence pack by their names there."""
    files: dict[str, bytes] = {}
    for digest in sorted(digests):
        path = kept_file(state, digest)
        if not path.is_file():
            continue
        value = json.loads(path.read_bytes())
        statement = value["statement"].encode()
        if hashlib.sha256(statement).hexdigest() != digest:
            logger.warning("helm-boundary: %s isn't the policy that it is named for", path)
            continue
        files[f"policy/{digest}/statement.json"] = statement
        for name, text in value["modules"].items():
            files[f"policy/{digest}/modules/{name}"] = text.encode()
    return files


def groups_of(state: Path) -> Iterator[tuple[str, dict[str, frozenset[str]]]]:
    """List the policies that were kept: the digest, and who is in each group of callers."""
    for path in sorted((state / "policies").glob("*.json")):
        data = json.loads(json.loads(path.read_bytes())["statement"]).get("data", {})
        groups = data.get("groups") or {}
        yield (
            path.stem,
            {name: frozenset(group.get("principals") or ()) for name, group in groups.items()},
        )


def kept_file(state: Path, digest: str) -> Path:
    """Return where a policy is kept, if it is."""
    return state / "policies" / f"{Path(digest).name}.json"
