"""The server behind an address: what it is, and whether what it commits is kept."""

import re
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors

from helm_receipts.errors import StateRefused

_OLDEST = 130000
_ASKED = ("synchronous_commit", "synchronous_standby_names", "fsync", "full_page_writes")
_POSTGRESQL = re.compile(r"PostgreSQL \d+")
_OTHERS = re.compile(
    "CockroachDB|Redshift|-YB-|Yugabyte|Greenplum|Cloudberry|Materialize|RisingWave|QuestDB|CrateDB"
    "|DuckDB|openGauss|GaussDB|Spanner",
    re.IGNORECASE,
)
"""Names in what a server says to `version()`, some after "PostgreSQL" and the version they imitate.
What a commit or a locked row means there is their own, and nothing here was tested on them."""
DURABLE = ("on", "remote_apply")
"""The values of synchronous_commit with which a commit is on the disk, and on every replica's."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server as it describes itself."""

    version: int
    """As libpq has it: 150018 is 15.18."""
    described: str
    recovering: bool
    """Whether it is a replica, which takes no writes."""
    settings: dict[str, str]

    @property
    def replicates(self) -> bool:
        """Whether a commit waits for another server."""
        return bool(self.settings["synchronous_standby_names"])


def refuse_others(described: str) -> None:
    """Refuse a server that isn't PostgreSQL by what it says to `version()`, with its name."""
    other = _OTHERS.search(described)
    if other is None and _POSTGRESQL.match(described):
        return
    named = other[0].strip("-") if other else "another server"
    raise StateRefused(
        f"expected PostgreSQL, found {named} ({described[:60]}): it speaks the protocol, but "
        "what it keeps of a commit, and how it locks, isn't known to be the same; use PostgreSQL "
        "13 or later, alone, replicated or managed"
    )


def look_at(connection: psycopg.Connection[Any]) -> Server:
    """Ask a server what it is; `StateRefused` for one that isn't PostgreSQL, or can't say that."""
    described = str(_ask(connection, "SELECT version()"))
    refuse_others(described)
    try:
        recovering = bool(_ask(connection, "SELECT pg_is_in_recovery()"))
        found = {name: str(_ask(connection, _SETTING, name) or "") for name in _ASKED}
    except (errors.UndefinedFunction, errors.FeatureNotSupported) as error:
        raise StateRefused(f"expected PostgreSQL, found {described[:60]}: {error}") from error
    return Server(connection.info.server_version, described, recovering, found)


def require_durable(server: Server) -> None:
    """Require a server that keeps what it has committed; `StateRefused` says what to change."""
    if server.version < _OLDEST:
        raise StateRefused(
            f"expected PostgreSQL 13 or later, found {server.described[:60]}; upgrade it"
        )
    if server.recovering:
        raise StateRefused(
            "expected a server that takes writes, found a replica; name the primary in the "
            "address, or all servers: postgresql://ONE,OTHER/DATABASE"
        )
    for name in ("fsync", "full_page_writes"):
        if server.settings[name] == "off":
            raise StateRefused(
                f"expected {name} = on, found off: what the server commits may be gone after a "
                "power failure; set it in postgresql.conf and restart the server"
            )


_SETTING = "SELECT current_setting(%s, true)"


def _ask(connection: psycopg.Connection[Any], question: str, *values: str) -> Any:
    row = connection.execute(question.encode(), values or None).fetchone()
    return row[0] if row else None
