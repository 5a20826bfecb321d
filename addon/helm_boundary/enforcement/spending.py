"""What an exchange spends: the calls that count, and the tokens that they used in the end."""

from __future__ import annotations

import re
from collections.abc import Sequence

from helm_boundary.budgets.estimates import Estimate, Estimates
from helm_boundary.budgets.prices import BATCH, TIERS
from helm_boundary.budgets.usage import Used, used_of
from helm_boundary.calls.call import Answer, Call, Operation
from helm_receipts.envelope.statement import Outcome

from .batch_files import UPLOAD
from .exchange import Exchange

COUNTED = frozenset({"inference", "realtime", "unknown"})
"""The categories of operations that have a model work, or may."""

FREE = frozenset({"createModeration", "Getinputtokencounts", "beta_Getinputtokencounts"})
"""Operations among them for which no provider asks anything."""

UNTOLD = frozenset({
    "createBatch", "createFineTuningJob", "resumeFineTuningJob", "createEvalRun", "runGrader",
    "CreateChatSessionMethod", "anthropic.runDeployment", "anthropic.createDream",
    "anthropic.sendSessionEvents",
})  # fmt: skip
"""Operations of other categories that have a model work later, by nobody knows how much."""

CALL_OF_TOOL = "mcp.tools.call"
"""The operation that counts in budgets of MCP servers."""
BATCH_OF_MESSAGES = "mcp.batch"
"""Several messages to an MCP server at once, some of which may be such calls."""

_WORDLESS = re.compile(r"embed|image|speech|transcri|translat|video", re.IGNORECASE)
"""Operations that answer in numbers, pictures or sound: whose tokens, if any, are told."""

_REFUSED = 400
_SWITCHED = 101
"""The status of what is answered on a WebSocket."""


def calls_in(exchange: Exchange) -> tuple[Call, ...]:
    """Return the calls that an exchange makes: a batch's lines, itself, or none.

    A batch's file makes none before there is a batch of it.

    Asking for a list of models costs nothing, nor does the handshake of a session, whose events
    are calls of their own.
    """
    progress, operation = exchange.progress, exchange.operation
    if operation.id == BATCH_OF_MESSAGES:
        return tuple(call for call in progress.batch if _calls_tool(call))
    if progress.batch:
        return progress.batch if operation.id != UPLOAD else ()
    if operation.id == CALL_OF_TOOL or operation.id in UNTOLD:
        return (progress.call,)
    counts = exchange.spends and operation.category in COUNTED and operation.id not in FREE
    # What only arranges a session (its secret, its hanging up) is judged generically.
    arranges = operation.category == "realtime" and operation.dialect == "generic"
    is_sent = exchange.request.method == "POST" and not arranges
    return (progress.call,) if counts and is_sent else ()


def _calls_tool(call: Call) -> bool:
    return isinstance(call.body, dict) and call.body.get("method") == "tools/call"


def server_of(exchange: Exchange) -> str | None:
    """Return the MCP server whose tools are called; None for what is no such call."""
    if exchange.operation.id not in (CALL_OF_TOOL, BATCH_OF_MESSAGES):
        return None
    return exchange.progress.call.server or exchange.request.host


def has_words(operation: Operation) -> bool:
    """Tell whether an operation answers in words, of which nobody knows how many there will be."""
    return operation.dialect != "generic" or not _WORDLESS.search(operation.id)


def is_warm_up(exchange: Exchange) -> bool:
    """Tell whether a call had no model answer: Codex opens its sessions with such an event.

    It is reserved as any other, since not every provider knows what the client meant.
    """
    progress, answer = exchange.progress, exchange.progress.answer
    body = progress.call.body
    if progress.status != _SWITCHED:  # a server of another API passes such a member over
        return False
    if not isinstance(body, dict) or answer is None or answer.texts or answer.tool_calls:
        return False
    inner = body.get("response")
    return body.get("generate", True) is False or (
        isinstance(inner, dict) and inner.get("generate", True) is False
    )


def tier_in(exchange: Exchange, answer: Answer | None = None) -> str:
    """Return the terms of a call that may have prices of their own: those that its answer names.

    Else those that it asks for; empty for the usual ones.
    """
    progress = exchange.progress
    is_batch = bool(progress.batch) or progress.batch_file is not None
    if is_batch and server_of(exchange) is None:
        return BATCH
    body = progress.call.body if isinstance(progress.call.body, dict) else {}
    inner = body.get("response")
    asked = inner if isinstance(inner, dict) else body
    served = answer.service_tier if answer is not None else None
    tier = served or asked.get("service_tier") or asked.get("speed")
    return tier.lower() if isinstance(tier, str) and tier.lower() in TIERS else ""


def calls_made(exchange: Exchange, calls: int) -> int:
    """Return how many of its calls an exchange has made in the end.

    None where no upstream has seen it (none could be reached, or its client had gone) and where it
    only opened a session; a batch that was refused whole is one.
    """
    status = exchange.progress.status
    if (status is None and not exchange.progress.has_left) or is_warm_up(exchange):
        return 0
    return min(calls, 1) if status is not None and status >= _REFUSED else calls


def models_in(exchange: Exchange) -> tuple[str, ...]:
    """Return every model that may run for an exchange, the one that it names first."""
    if exchange.progress.batch_file is not None:
        return exchange.progress.batch_file.models
    found: dict[str, None] = {}
    for call in exchange.progress.batch or (exchange.progress.call,):
        found |= dict.fromkeys((*((call.model,) if call.model else ()), *call.models))
    return tuple(found)


def spent(
    exchange: Exchange, outcome: Outcome, estimates: Sequence[Estimate], learnt: Estimates
) -> tuple[Used, bool]:
    """Return what a call used, and whether the provider says so; else it is an estimate."""
    if server_of(exchange) is not None:
        return Used(), True
    progress, dialect = exchange.progress, exchange.operation.dialect
    expected = Used(sum(e.input for e in estimates), sum(e.output for e in estimates))
    answer = progress.answer
    said = used_of(answer.usage, dialect) if answer is not None else None
    if said is not None and answer is not None:
        if progress.gate is None or progress.gate.is_complete:
            return said, True
        # Cut off: what was counted at its start is right, the output is what came, or more.
        came = _output(exchange, answer, expected, learnt)
        known = said.input or expected.input
        return Used(known, max(said.output, came), said.cached, said.cache_write), False
    if outcome.status is None:  # nobody answered
        if not progress.has_left:
            return Used(), True
        # A provider works out whole answers, whoever still waits for them.
        goes_on = outcome.end in ("client_gone", "killed") and not progress.call.stream
        came = expected.output if goes_on else _output(exchange, None, expected, learnt)
        return Used(expected.input, came), False
    if outcome.status >= _REFUSED:
        return Used(), True
    is_cut = outcome.end != "complete" and progress.gate is not None
    if is_cut or _has_words(exchange, answer):
        return Used(expected.input, _output(exchange, answer, expected, learnt)), False
    return expected, False


def _has_words(exchange: Exchange, answer: Answer | None) -> bool:
    """Tell whether an answer is the model's own: a batch's only says that there will be some."""
    operation = exchange.operation
    is_own = operation.category in COUNTED and operation.dialect != "generic"
    return is_own and answer is not None and bool(answer.texts or answer.tool_calls)


def _output(exchange: Exchange, answer: Answer | None, expected: Used, learnt: Estimates) -> int:
    """Estimate the output of an answer by what came of it.

    What works in the background goes on, and can be fetched later.
    """
    dialect, model = exchange.operation.dialect, exchange.progress.call.model
    came = 0 if answer is None else learnt.tokens(_bytes_in(answer), dialect)
    came += learnt.reasoning(model) if came else 0  # it comes first, and mostly unseen
    goes_on = exchange.progress.call.parameters.get("background") is True
    return max(came, expected.output) if goes_on else came


def _bytes_in(answer: Answer) -> int:
    told = sum(len(text.text.encode("utf-8", "replace")) for text in answer.texts)
    return told + sum(len(call.arguments_text) for call in answer.tool_calls)
