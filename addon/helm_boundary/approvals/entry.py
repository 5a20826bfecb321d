"""A request for approval and what became of it: the values that the store keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from helm_boundary.calls.call import Json
from helm_receipts.envelope.predicate import rfc3339
from helm_receipts.envelope.statement import ClientFacts, FlowFacts, PolicyRef, Reason

from .binding import Binding, Cover
from .extent import KINDS, Kind

PENDING, GRANTED, REFUSED = "pending", "granted", "refused"
EXPIRED, WITHDRAWN, USED = "expired", "withdrawn", "used"
DECISIONS = (GRANTED, REFUSED, EXPIRED, WITHDRAWN)
ENDS = (USED, EXPIRED)
ID = re.compile(r"apr_[0-9a-f]{16}", re.ASCII)


class EntryError(ValueError):
    """A file of the store isn't what the store writes."""


@dataclass(frozen=True, slots=True)
class Request:
    """A question to a person. `summary` is redacted; times are nanoseconds since 1970.

    `held` says that a flow waits for the answer; `request_receipt` is the receipt of the request
    that escalated, or whose answer did. `network` is where the client called from; questions of
    earlier versions have none.
    """

    id: str
    phase: str
    binding: Binding
    cover: Cover
    reasons: tuple[Reason, ...]
    messages: tuple[str, ...]
    summary: Mapping[str, Json]
    flow: FlowFacts
    client: ClientFacts
    policy: PolicyRef
    request_receipt: str
    created_ns: int
    expires_ns: int
    held: bool
    network: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision: which, by whom, when, and the receipt that says so."""

    decision: str
    by: str
    at_ns: int
    receipt: str
    until_ns: int = 0
    """Until when a grant is good, however often it is used; 0 for once."""
    good_for: Kind = "once"
    """How far a grant goes; one of before that has a time says nothing here."""
    session: str = ""
    """The pseudonym of the session that a grant is good for alone; empty for any."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a grant: `used` by that flow, or `expired` unused."""

    end: str
    flow_id: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A request with what became of it so far."""

    request: Request
    decided: Decided | None = None
    ended: Ended | None = None

    @property
    def id(self) -> str:
        """The approval's id."""
        return self.request.id

    @property
    def expires_ns(self) -> int:
        """When the question, or the grant of it, is void."""
        until = self.decided.until_ns if self.decided is not None else 0
        return until or self.request.expires_ns

    def status(self, now_ns: int) -> str:
        """Return `pending`, `granted`, `refused`, `used`, `withdrawn` or `expired`."""
        if self.ended is not None:
            return self.ended.end
        if self.decided is not None and self.decided.decision not in (GRANTED, REFUSED):
            return self.decided.decision
        if now_ns >= self.expires_ns:
            return EXPIRED
        return PENDING if self.decided is None else self.decided.decision


@dataclass(frozen=True, slots=True)
class Grant:
    """A person's yes, carried by the one call that uses it."""

    id: str
    by: str
    granted_ns: int
    expires_ns: int
    request_receipt: str
    cover: Cover
    lasts: bool = False
    """Whether it is good for a time, and not for once."""
    session: str = ""
    """The pseudonym of the session that it is good for alone; empty for any."""

    def is_for(self, binding: Binding) -> bool:
        """Tell whether a call that is bound so is of the grant's session, if it has one."""
        return self.session in ("", binding.session)

    def told(self) -> dict[str, Json]:
        """Return `context.approval` of the input document."""
        return {
            "id": self.id,
            "by": self.by,
            "granted_at": rfc3339(self.granted_ns),
            "expires_at": rfc3339(self.expires_ns),
            "request_receipt": self.request_receipt,
            "rules": sorted(self.cover.request | self.cover.response),
        }


def grant_of(entry: Entry) -> Grant:
    """Return the grant of an entry that was granted."""
    request, decided = entry.request, entry.decided
    if decided is None or decided.decision != GRANTED:
        raise EntryError(f"expected a grant of {entry.id}, found none")
    return Grant(
        request.id,
        decided.by,
        decided.at_ns,
        entry.expires_ns,
        request.request_receipt,
        request.cover,
        decided.until_ns > 0,
        decided.session,
    )


def write_request(request: Request) -> dict[str, Any]:
    """Return the request as JSON."""
    value = asdict(request)
    value["cover"] = {name: sorted(rules) for name, rules in value["cover"].items()}
    return value


def read_request(value: Any) -> Request:
    """Read what `write_request` wrote; raises EntryError."""
    try:
        given = dict(value)
        given["binding"] = Binding(**given["binding"])
        given["cover"] = Cover(**{name: frozenset(r) for name, r in given["cover"].items()})
        given["reasons"] = tuple(Reason(**reason) for reason in given["reasons"])
        given["messages"] = tuple(given["messages"])
        given["flow"] = FlowFacts(**given["flow"])
        given["client"] = ClientFacts(**given["client"])
        given["policy"] = PolicyRef(**given["policy"])
        return Request(**given)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise EntryError(f"expected a request for approval, found {error}") from error


def read_decided(value: Any) -> Decided:
    """Read what was decided; raises EntryError."""
    try:
        decided = Decided(**value)
    except TypeError as error:
        raise EntryError(f"expected a decision on an approval, found {error}") from error
    if decided.decision not in DECISIONS:
        raise EntryError(f"expected one of {DECISIONS}, found {decided.decision!r}")
    if decided.good_for not in KINDS:
        raise EntryError(f"expected one of {KINDS}, found {decided.good_for!r}")
    return decided


def read_ended(value: Any) -> Ended:
    """Read how a grant ended; raises EntryError."""
    try:
        ended = Ended(**value)
    except TypeError as error:
        raise EntryError(f"expected the end of an approval, found {error}") from error
    if ended.end not in ENDS:
        raise EntryError(f"expected one of {ENDS}, found {ended.end!r}")
    return ended
