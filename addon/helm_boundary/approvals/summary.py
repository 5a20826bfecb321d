"""The summary of a call for a person: enough to decide by, and nothing that a detector finds.

The summary is kept in the state folder, so what the policy would cut out of a call is cut out
here too, and long texts are shortened; whatever isn't shown is counted. It is never told to a
webhook and never in a receipt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from helm_boundary.calls.call import Answer, Call, HttpRequest, Message, Text, ToolCall
from helm_boundary.policy.detectors.detectors import Detectors, Finding

MAX_TEXTS = 12
MAX_CHARACTERS = 600
MAX_NAME = 200
MAX_NAMES = 50
MAX_ARGUMENTS = 4_000
"""Characters of one tool call: it is what is decided on, so it is shown longer than a text is."""
_ALL_ARGUMENTS = 32_000


def tools_of(summary: Mapping[str, Any], characters: int = 0) -> list[str]:
    """List the tools whose calls a summary is about, each with so much of its arguments."""
    calls = (summary.get("answer") or summary).get("tool_calls") or ()
    return [f"{call['name']} {call['arguments'][:characters]}".strip() for call in calls]


def summarise(
    request: HttpRequest,
    call: Call,
    answer: Answer | None,
    detectors: Detectors,
    pointers: Sequence[str] = (),
) -> dict[str, Any]:
    """Write the call and, where it has one, its answer, redacted, as JSON.

    `pointers` are where the reasons point; what is there is shown wherever it is. `omitted` are
    characters of a text, `earlier` texts and `more` tool calls that aren't shown.
    """
    to = f"{request.method} {request.scheme}://{request.host}:{request.port}{request.path}"
    meant = pointers if answer is None else ()
    summary: dict[str, Any] = {
        "to": _name(to, detectors),
        "model": _name(", ".join(call.models) or call.model or "", detectors) or None,
        **_texts(call.messages, _beside(call.texts, _of_calls(call)), meant, detectors),
        **_calls([*map(_as_listed, call.tool_calls)], detectors),
        "tools": [_name(tool.name, detectors) for tool in call.tools[:MAX_NAMES]],
        "more_tools": max(0, len(call.tools) - MAX_NAMES),
        "attachments": len(call.attachments),
    }
    if answer is not None:
        texts = _beside(answer.texts, [each.pointer for each in answer.tool_calls])
        summary["answer"] = {
            "status": answer.status,
            **_texts(answer.messages, texts, pointers, detectors),
            "tool_calls": [],
            "more": 0,
            **_calls(answer.tool_calls, detectors),
        }
    return summary


def _as_listed(call: ToolCall) -> ToolCall:
    """Name a tool that goes to a server as data does: its own name may look like another's."""
    return replace(call, name=f"mcp.{call.server or '(unnamed)'}.{call.name}")


def _of_calls(call: Call) -> list[str]:
    """Point to what is shown of the calls that a request makes itself: what else it says isn't."""
    members = ("name", "arguments")
    return [f"{each.pointer}/{member}" for each in call.tool_calls for member in members]


def _beside(texts: Sequence[Text], pointers: Sequence[str]) -> list[Text]:
    """Leave out what is shown as a tool call."""
    return [text for text in texts if not _is_within(text, pointers)]


def _calls(calls: Sequence[ToolCall], detectors: Detectors) -> dict[str, Any]:
    """Write tool calls; nothing where there are none."""
    if not calls:
        return {}
    limit = min(MAX_ARGUMENTS, _ALL_ARGUMENTS // min(len(calls), MAX_NAMES))
    return {
        "tool_calls": [_tool_call(each, limit, detectors) for each in calls[:MAX_NAMES]],
        "more": max(0, len(calls) - MAX_NAMES),
    }


def redact(text: str, findings: Iterable[Finding]) -> str:
    """Replace each finding in a text, in code points, by its detector's name."""
    end = len(text)
    pieces: list[str] = []
    for found in sorted(findings, key=lambda found: found.end, reverse=True):
        if found.start >= end:
            continue  # inside one that is cut out already
        pieces += [text[min(found.end, end) : end], f"[{found.detector}]"]
        end = found.start
    return "".join(reversed([*pieces, text[:end]]))


def _texts(
    messages: Sequence[Message],
    texts: Sequence[Text],
    pointers: Sequence[str],
    detectors: Detectors,
) -> dict[str, Any]:
    """Write the latest of the conversation, after what the reasons point at."""
    said = [Text(m.pointer, m.role, m.text) for m in messages if m.text] if messages else texts
    latest = list(said[-MAX_TEXTS:])
    shown = {text.text for text in latest}
    meant = [t for t in texts if _is_within(t, pointers) and t.text not in shown]
    return {
        "texts": [
            {
                "role": _name(text.role, detectors),
                "pointer": _name(text.pointer, detectors),
                **_shown(text.text, detectors),
            }
            for text in meant[:MAX_TEXTS] + latest
        ],
        "earlier": max(0, len(said) - MAX_TEXTS),
    }


def _is_within(text: Text, pointers: Iterable[str]) -> bool:
    return any(text.pointer == each or text.pointer.startswith(f"{each}/") for each in pointers)


def _tool_call(call: ToolCall, limit: int, detectors: Detectors) -> dict[str, Any]:
    shown = _shown(call.arguments_text, detectors, limit)
    return {"name": _name(call.name, detectors), "arguments": shown.pop("text"), **shown}


def _shown(text: str, detectors: Detectors, limit: int = MAX_CHARACTERS) -> dict[str, Any]:
    # Redacted first and cut then, so that half a secret at the cut isn't left over.
    clean = redact(text, detectors.scan([Text("", "", text)]))
    return {"text": clean[:limit], "omitted": max(0, len(clean) - limit)}


def _name(text: str, detectors: Detectors) -> str:
    shown = _shown(text, detectors, MAX_NAME)
    return f"{shown['text']}…" if shown["omitted"] else str(shown["text"])
