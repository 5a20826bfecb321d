"""A decision, read strictly from what the engine answered.

The shape is fixed by the contract with policy authors (``data.helm.decision``)::

    {"verdict": "ALLOW" | "DENY" | "ESCALATE",
     "reasons": [{"code", "rule", "message", "finality", "pointer"?, "counterfactual"?}],
     "observed": [reasons],                optional: rules set to "observe" that would have spoken
     "rewrite": [RFC 6902 operations, redactions and drops],                      optional
     "stream": "gate" | "buffer" | "pass",                                        optional
     "denied": "error" | "steer"}              optional: how a denied tool call ends an answer

Anything else is a :class:`MalformedDecision`: a policy that says something we don't
understand has not allowed anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from helm_boundary.calls.texts import known_part
from helm_receipts.envelope.statement import FINALITIES, VERDICTS, Finality, Verdict

from .errors import MalformedDecision

type Opinion = Verdict | Literal["ERROR"]
"""What a policy that is asked beside says; ERROR where it has no decision."""

type StreamMode = Literal["gate", "buffer", "pass"]

type WayToDeny = Literal["error", "steer"]
"""How a denied tool call ends an answer: with an error, or with a call that says why."""

ALLOW: Final = "ALLOW"
DENY: Final = "DENY"
ESCALATE: Final = "ESCALATE"
WAYS_TO_DENY: Final[tuple[WayToDeny, ...]] = ("error", "steer")
STREAM_MODES: Final[tuple[StreamMode, ...]] = ("gate", "buffer", "pass")
CODE = re.compile(r"[A-Z0-9_]{1,80}", re.ASCII)

# A decision travels in headers, receipts and error bodies; these keep one policy
# mistake (a reason for each of a million texts) from becoming everyone's problem.
MAX_REASONS = 256  # what comes after them changes no verdict, and is left out
MAX_TEXT = 2_000
MAX_OPERATIONS = 10_000

# RFC 6902 section 4, and the members each operation needs; "redact" and "drop" are ours.
OPERATIONS: Mapping[str, tuple[tuple[str, type], ...]] = {
    "add": (("path", str),),
    "replace": (("path", str),),
    "test": (("path", str),),
    "remove": (("path", str),),
    "move": (("from", str), ("path", str)),
    "copy": (("from", str), ("path", str)),
    "drop": (("pointer", str),),
    "redact": (("pointer", str), ("start", int), ("end", int), ("with", str)),
}
_MEMBERS = {"verdict", "reasons", "observed", "rewrite", "stream", "denied"}
NEEDS_VALUE = frozenset({"add", "replace", "test"})


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule's reason to speak.

    ``pointer`` is an RFC 6901 pointer into the judged body, down to the first name in it that
    isn't a plain one.
    """

    code: str
    rule: str
    message: str
    finality: Finality
    pointer: str | None = None
    counterfactual: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The whole answer of a policy to one document.

    ``candidate`` is the verdict of a policy that was asked beside it (see policy.candidate).
    """

    verdict: Verdict
    reasons: tuple[Reason, ...]
    rewrite: tuple[Mapping[str, Any], ...] = ()
    stream: StreamMode = "gate"
    observed: tuple[Reason, ...] = ()
    candidate: Opinion | None = None
    denied: WayToDeny | None = None


def parse_decision(value: object) -> Decision:
    """Read a decision from a JSON value; raise MalformedDecision if it is not exactly one."""
    members = _object(value, "the decision")
    _only(members, _MEMBERS, "the decision")
    verdict = _choice(members.get("verdict"), VERDICTS, "verdict")
    reasons = _reasons(members.get("reasons"), "reasons")
    if verdict != ALLOW and not reasons:
        raise MalformedDecision(f"a {verdict} needs at least one reason, found none")
    return Decision(
        verdict=verdict,
        reasons=reasons,
        rewrite=_rewrite(members.get("rewrite", [])),
        stream=_choice(members.get("stream", "gate"), STREAM_MODES, "stream"),
        observed=_reasons(members.get("observed", []), "observed"),
        denied=_choice(members["denied"], WAYS_TO_DENY, "denied") if "denied" in members else None,
    )


def _reasons(value: object, where: str) -> tuple[Reason, ...]:
    items = _array(value, where)[:MAX_REASONS]
    return tuple(_reason(item, f"{where}[{i}]") for i, item in enumerate(items))


def _reason(value: object, where: str) -> Reason:
    members = _object(value, where)
    _only(members, set(Reason.__dataclass_fields__), where)
    code = _text(members.get("code"), f"{where}.code")
    if not CODE.fullmatch(code):
        raise MalformedDecision(f"{where}.code must be capital ASCII letters, digits and _")
    return Reason(
        code=code,
        rule=_text(members.get("rule"), f"{where}.rule"),
        message=_text(members.get("message"), f"{where}.message"),
        finality=_choice(members.get("finality"), FINALITIES, f"{where}.finality"),
        pointer=_pointer(members, where),
        counterfactual=_optional_text(members, "counterfactual", where),
    )


def _pointer(members: Mapping[str, Any], where: str) -> str | None:
    # It travels to the client and into receipts, where a name may be what was found.
    pointer = _optional_text(members, "pointer", where)
    return None if pointer is None else known_part(pointer)


def _rewrite(value: object) -> tuple[Mapping[str, Any], ...]:
    operations = _array(value, "rewrite")
    if len(operations) > MAX_OPERATIONS:
        raise MalformedDecision(
            f"rewrite has {len(operations)} operations, at most {MAX_OPERATIONS} are taken"
        )
    return tuple(_operation(item, f"rewrite[{i}]") for i, item in enumerate(operations))


def _operation(value: object, where: str) -> Mapping[str, Any]:
    members = _object(value, where)
    needed = OPERATIONS.get(str(members.get("op")))
    if needed is None:
        raise MalformedDecision(f"{where}.op must be one of {', '.join(sorted(OPERATIONS))}")
    for name, kind in needed:
        found = members.get(name)
        if not isinstance(found, kind) or isinstance(found, bool):
            raise MalformedDecision(f"{where}.{name} must be of type {kind.__name__}")
    if members["op"] in NEEDS_VALUE and "value" not in members:
        raise MalformedDecision(f"{where} ({members['op']}) needs a value")
    return members


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MalformedDecision(f"{where} must be an object, found {_kind(value)}")
    return value


def _only(members: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(members) - known)
    if unknown:
        raise MalformedDecision(f"{where} has unknown members: {', '.join(unknown)[:MAX_TEXT]}")


def _array(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise MalformedDecision(f"{where} must be an array, found {_kind(value)}")
    return value


def _choice[T: str](value: object, choices: tuple[T, ...], where: str) -> T:
    for choice in choices:
        if value == choice:
            return choice
    raise MalformedDecision(f"{where} must be one of {', '.join(sorted(choices))}")


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise MalformedDecision(f"{where} must be a string, found {_kind(value)}")
    if not 0 < len(value) <= MAX_TEXT:
        raise MalformedDecision(f"{where} must have 1 to {MAX_TEXT} characters, has {len(value)}")
    return value


def _optional_text(members: Mapping[str, Any], name: str, where: str) -> str | None:
    return _text(members[name], f"{where}.{name}") if members.get(name) is not None else None


def _kind(value: object) -> str:
    names = {type(None): "null", bool: "a boolean", int: "a number", float: "a number"}
    names |= {str: "a string", list: "an array", dict: "an object"}
    return names.get(type(value), type(value).__name__)
