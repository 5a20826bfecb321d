"""The sources of policies that decided, kept by the digests that receipts name them by.

    <state>/policies/<digest>.json      {"modules": {name: Rego}, "statement": text}

and beside a database in a row there too.

The digest is the SHA-256 of the statement, which has the hash of each module, the data and the
detectors. So whoever has a receipt can tell, without us, whether these are what decided.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from helm_boundary.policy.sources.policy import Policy
from helm_receipts.database.address import Address
from helm_receipts.errors import ReceiptError
from helm_receipts.storage import durable

if TYPE_CHECKING:
    from helm_boundary.fleet.policy_rows import PolicyRows

logger = logging.getLogger(__name__)


def keep(state: Path, policy: Policy, database: Address | None = None) -> None:
    """Keep a policy's sources, once; where that fails, the log says so and calls go on."""
    path = kept_file(state, policy.digest)
    if not policy.stated:
        return
    value = {"modules": dict(policy.named_modules), "statement": policy.stated}
    content = json.dumps(value).encode()
    try:
        if not path.exists():
            durable.make_folder(path.parent)
            durable.replace_file(path, content, 0o600)
        if database is not None:
            _rows(database).keep(policy.digest, content)
    except (OSError, ReceiptError) as error:
        logger.warning("helm-boundary: the policy's sources can't be kept in %s: %s", path, error)


def fetch(state: Path, digest: str, database: Address | None) -> Path:
    """Return where a policy is kept, brought from the database where this folder hasn't got it.

    Whoever reads it checks that it is the policy of that digest. Raises OSError or ReceiptError.
    """
    path = kept_file(state, digest)
    if database is not None and not path.exists():
        content = _rows(database).read(digest)
        if content is not None:
            durable.make_folder(path.parent)
            durable.replace_file(path, content, 0o600)
    return path


def kept_digests(state: Path, database: Address | None) -> list[str]:
    """List the policies that are kept, the latest first; raises OSError or ReceiptError."""
    if database is not None:
        return _rows(database).digests()
    files = (state / "policies").glob("*.json")
    return [path.stem for path in sorted(files, key=_age)]


def _age(path: Path) -> float:
    return -path.stat().st_mtime


def _rows(database: Address) -> PolicyRows:
    from helm_boundary.fleet.policy_rows import PolicyRows

    return PolicyRows(database)


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
