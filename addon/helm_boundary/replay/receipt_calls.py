"""Calls as their receipts tell them: who called which model, and for which tools; no content."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from helm_boundary.calls.call import Answer, Call, HttpRequest, Operation, ToolCall
from helm_boundary.evaluation.document import Context, state_call, state_request, state_response
from helm_boundary.matching.catalogue import UNKNOWN, known_operations
from helm_boundary.matching.cloud_paths import cloud_paths
from helm_receipts.envelope.predicate import nanoseconds
from helm_receipts.envelope.record import Record
from helm_receipts.export.select import Selection, select

from .learning import SeenCall

_NOT_A_NAME = re.compile(r"\(.*\)|.*…", re.DOTALL)
"""What receipts have in place of a name that holds a credential, or of one that is too long."""


@dataclass(slots=True)
class ReceiptCall:
    """One call, put together from its receipts; `is_read` tells whether its answer was judged."""

    receipt: str
    flow: dict[str, Any]
    client: dict[str, Any]
    decided_ns: int
    verdict: str = "ALLOW"
    rules: tuple[str, ...] = ()
    tool_names: tuple[str, ...] = ()
    outcome: dict[str, Any] | None = field(default=None)
    is_read: bool = True

    @property
    def host(self) -> str:
        """The host that was called, without its port."""
        return str(self.flow["host"].rpartition(":")[0])

    @property
    def model(self) -> str | None:
        """The model that was asked for, or None where none was named or its name isn't known."""
        name = self.flow["model"]
        return name if name and not _NOT_A_NAME.fullmatch(name) else None

    @property
    def seen(self) -> SeenCall:
        """What is learnt from it."""
        operation = _operation(self.flow)
        tools = tuple((name, None) for name in self.tool_names if not _NOT_A_NAME.fullmatch(name))
        who = self.client.get("principal") or self.client.get("keyId")
        return SeenCall(self.model, self.host, operation.id, operation.category, tools, who)

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """Yield the document of each phase, with what receipts tell and nothing else."""
        context = Context(self.decided_ns, self.flow["id"], self.flow["correlationId"])
        shared = self._shared()
        yield "request", state_request(shared, [], context)
        if self.outcome is not None and self.outcome["end"] != "denied":
            yield "response", state_response(shared, self._answer(), [], context)

    def _shared(self) -> bytes:
        _, _, port = self.flow["host"].rpartition(":")
        request = HttpRequest(
            method=self.flow["method"],
            scheme="https" if self.flow["tlsInspected"] else "http",
            host=self.host,
            port=int(port),
            path=self.flow["path"],
            query="",
            headers=(),
            body=b"",
            principal=self.client.get("principal"),
        )
        operation = replace(_operation(self.flow), dialect=self.flow["dialect"])
        call = Call(model=self.flow["model"], stream=self.flow["stream"])
        key = self.client.get("keyId")
        return state_call(request, operation, call, b"", mode="enforce", key_id=key)

    def _answer(self) -> Answer:
        # As one of the provider's own: whether it was isn't known, and the name is what counts.
        calls = tuple(
            ToolCall(None, name, "", None, True, 0, "", "hosted") for name in self.tool_names
        )
        said = self.outcome or {}
        return Answer(
            said.get("status") or 200, said.get("modelServed"), tuple(said["finishReasons"]),
            tool_calls=calls,
        )  # fmt: skip


def receipt_calls(journal: Path) -> list[ReceiptCall]:
    """Put together the calls of a journal folder, in the order of their requests.

    Raises:
        ReceiptError: a journal can't be read.
    """
    calls: dict[str, ReceiptCall] = {}
    for record in select(journal, Selection()):
        flow = record.predicate.get("flow")
        if flow is None:
            continue
        if record.predicate["phase"] == "request":
            calls[flow["id"]] = _begun(record, flow)
        elif flow["id"] in calls:
            _add(calls[flow["id"]], record.predicate)
    return list(calls.values())


def gaps(calls: Iterable[ReceiptCall]) -> Iterator[str]:
    """Yield a line for a person about each kind of thing that isn't in the receipts."""
    found = list(calls)
    unread = sum(not call.is_read for call in found)
    if unread:
        yield f"{unread} answers were not judged, so nothing is known of their tool calls"
    unnamed = sum(
        bool(_NOT_A_NAME.fullmatch(name))
        for call in found
        for name in (*call.tool_names, *filter(None, [call.flow["model"]]))
    )
    if unnamed:
        yield f"{unnamed} names of models and tools: they hold a credential, or are too long"


def _begun(record: Record, flow: dict[str, Any]) -> ReceiptCall:
    said = record.predicate
    client = said.get("client") or {}
    call = ReceiptCall(record.id, flow, client, nanoseconds(said["decidedAt"]))
    call.tool_names = tuple(filter(None, map(_on_server, said.get("toolCalls", ()))))
    _judge(call, said)
    return call


def _on_server(tool: dict[str, Any]) -> str | None:
    """Name a tool that was called on an MCP server as data does; None where that has no name."""
    return f"mcp.{tool['server']}.{tool['name']}" if tool.get("server") else None


def _add(call: ReceiptCall, said: dict[str, Any]) -> None:
    tools = tuple(each["name"] for each in said.get("toolCalls", ()))
    if said["phase"] == "outcome":
        call.outcome = said["outcome"]
        call.tool_names = tools or call.tool_names
        call.is_read = not _is_unread(said)
    else:
        call.tool_names += tools
    _judge(call, said)


def _is_unread(said: dict[str, Any]) -> bool:
    """Tell whether an answer came of which nothing is known: it passed, and couldn't be read."""
    outcome, coverage = said["outcome"], said.get("coverage") or {}
    passed = coverage.get("response") == "none" and coverage.get("bytesSeen", 0) > 0
    is_told = said.get("toolCalls") or outcome["finishReasons"] or outcome["modelServed"]
    return passed and not is_told and (outcome["status"] or 0) < 300


def _judge(call: ReceiptCall, said: dict[str, Any]) -> None:
    if said["verdict"] != "ALLOW":
        rules = {reason["rule"] for reason in said["reasons"]}
        call.verdict, call.rules = said["verdict"], tuple(sorted({*call.rules, *rules}))


def _operation(flow: dict[str, Any]) -> Operation:
    return _operations().get(flow["operation"], UNKNOWN)


@cache
def _operations() -> dict[str, Operation]:
    clouds = [each.operation for each in cloud_paths()]
    return {each.id: each for each in (*clouds, *known_operations().operations)}
