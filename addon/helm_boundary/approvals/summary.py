"""What a person is shown of a call: enough to decide by, and nothing that a detector finds.

The summary is kept in the state folder, so what the policy would cut out of a call is cut out
here too, and long texts are shortened. It is never told to a webhook and never in a receipt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..calls.call import Answer, Call, HttpRequest, Message, Text, ToolCall
from ..policy.detectors import Detectors, Finding

MAX_TEXTS = 12
MAX_CHARACTERS = 600


def summarise(
    request: HttpRequest,
    call: Call,
    answer: Answer | None,
    detectors: Detectors,
    pointers: Sequence[str] = (),
) -> dict[str, Any]:
    """The call and, where it has one, its answer, redacted, as JSON.

    `pointers` are where the reasons point; what is there is shown wherever it is.
    """
    meant = pointers if answer is None else ()
    summary: dict[str, Any] = {
        "to": f"{request.method} {request.scheme}://{request.host}:{request.port}{request.path}",
        "model": call.model,
        "texts": _texts(_said(call.messages, call.texts, meant), detectors),
        "tools": [tool.name[:200] for tool in call.tools[:50]],
        "attachments": len(call.attachments),
    }
    if answer is not None:
        summary["answer"] = {
            "status": answer.status,
            "texts": _texts(_said(answer.messages, answer.texts, pointers), detectors),
            "tool_calls": [_tool_call(call, detectors) for call in answer.tool_calls[:50]],
        }
    return summary


def redact(text: str, findings: Iterable[Finding]) -> str:
    """The text with each finding, in code points, replaced by its detector's name."""
    end = len(text)
    pieces: list[str] = []
    for found in sorted(findings, key=lambda found: found.end, reverse=True):
        if found.start >= end:
            continue  # inside one that is cut out already
        pieces += [text[min(found.end, end) : end], f"[{found.detector}]"]
        end = found.start
    return "".join(reversed([*pieces, text[:end]]))


def _said(
    messages: Sequence[Message], texts: Sequence[Text], pointers: Sequence[str]
) -> list[Text]:
    """The latest of the conversation, and besides it what the reasons point at."""
    said = [Text(m.pointer, m.role, m.text) for m in messages if m.text] if messages else texts
    latest = list(said[-MAX_TEXTS:])
    shown = {text.text for text in latest}
    meant = [t for t in texts if t.pointer.startswith(tuple(pointers)) and t.text not in shown]
    return meant[:MAX_TEXTS] + latest


def _texts(texts: Sequence[Text], detectors: Detectors) -> list[dict[str, str]]:
    return [
        {"role": text.role, "pointer": text.pointer, "text": _shown(text.text, detectors)}
        for text in texts
    ]


def _tool_call(call: ToolCall, detectors: Detectors) -> dict[str, str]:
    return {"name": call.name[:200], "arguments": _shown(call.arguments_text, detectors)}


def _shown(text: str, detectors: Detectors) -> str:
    # Redacted first and cut then, so that half a secret at the cut isn't left over.
    clean = redact(text, detectors.scan([Text("", "", text)]))
    return clean if len(clean) <= MAX_CHARACTERS else clean[: MAX_CHARACTERS - 1] + "…"
