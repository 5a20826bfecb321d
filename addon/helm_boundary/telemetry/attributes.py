"""What is said of a call's spans, by the names of the conventions. No content, no credential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import names as conventions
from .tokens import counted

type Facts = Mapping[str, Any]
_COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens",
           "reasoning_tokens")  # fmt: skip
_CALL, _PROMPT = "tools/call", "prompts/get"


class Attributes:
    """The attributes of spans and events, by one choice of names."""

    def __init__(self) -> None:
        self._names = conventions.names()

    def exchange(self, call: Facts) -> dict[str, Any]:
        """Return what is said of the exchange with the client."""
        name = self._names
        last = call["judged"][-1] if call["judged"] else None
        found = {
            name["method"]: call["method"],
            name["route"]: call["route"] if call["mcp"] is None else None,
            name["scheme"]: call["scheme"],
            name["status"]: 403 if call["end"] == "denied" else call["status"],
            conventions.POLICY: call["policy"],
            conventions.RECEIPT: call["receipt"],
        }
        if last is not None:
            found[conventions.VERDICT] = last["verdict"]
            found[conventions.REASON] = last["reasons"][0][0] if last["reasons"] else None
        return _present(found)

    def leg(self, call: Facts) -> tuple[str, dict[str, Any]]:
        """Return the name of the span of a provider's or a server's leg, and what is said of it."""
        name, found = self._inference(call) if call["mcp"] is None else self._message(call)
        of_both = {
            "server_address": call["host"],
            "server_port": call["port"],
            "status": call["status"],
            "conversation": call["conversation"],
            "error_type": error_type(call),
        }
        found |= {self._names[key]: value for key, value in of_both.items()}
        return name.strip(), _present(found)

    def _inference(self, call: Facts) -> tuple[str, dict[str, Any]]:
        name, usage = self._names, counted(call)
        operation = conventions.operation_name(call["operation"], call["dialect"])
        found = {
            name["operation"]: operation,
            name["provider"]: conventions.provider_name(call["provider"]),
            name["model"]: call["model"],
            name["stream"]: call["stream"] or None,
            name["response_id"]: call["responseId"],
            name["model_served"]: call["modelServed"],
            name["finish_reasons"]: call["finishReasons"] or None,
            name["first_chunk"]: seconds_to_first_chunk(call),
        }
        found |= {name[key]: value for key, value in call["parameters"].items()}
        found |= {name[key]: usage.get(key) for key in _COUNTS}
        return f"{operation} {call['model'] or ''}", found

    def _message(self, call: Facts) -> tuple[str, dict[str, Any]]:
        name, mcp = self._names, call["mcp"]
        method, code = mcp["method"] or call["operation"], mcp["errorCode"]
        of_tool, of_prompt = method == _CALL, method == _PROMPT
        target = mcp["name"] if of_tool or of_prompt else None
        found = {
            name["mcp_method"]: mcp["method"],
            name["operation"]: conventions.EXECUTE_TOOL if of_tool else None,
            name["tool"]: target if of_tool else None,
            name["prompt"]: target if of_prompt else None,
            name["message_id"]: mcp["requestId"],
            name["mcp_session"]: mcp["session"],
            name["mcp_version"]: mcp["version"],
            name["rpc_status"]: None if code is None else str(code),
            name["transport"]: "tcp",
        }
        return f"{method} {target or ''}", found


def verdict(call: Facts, judged: Facts) -> dict[str, Any]:
    """Return what is said of a verdict."""
    name = conventions.GUARDRAIL
    return _present(
        {
            name["policy"]: "helm-boundary",
            name["version"]: call["policy"],
            name["rule"]: judged["reasons"][0][1] if judged["reasons"] else None,
            name["value"]: judged["verdict"],
            conventions.REASON: judged["reasons"][0][0] if judged["reasons"] else None,
            conventions.RECEIPT: judged["receipt"],
        }
    )


def seconds_to_first_chunk(call: Facts) -> float | None:
    """Return how long a stream's first event took to come; None for what was no stream."""
    moments = call["moments"]
    if "first" not in moments or "forwarded" not in moments:
        return None
    return float(max(0, moments["first"] - moments["forwarded"]) / 1e9)


def error_type(call: Facts) -> str | None:
    """Return why a provider's leg failed: its status, or how the call ended; None if it didn't.

    Of an MCP server's answer that is an error, its code.
    """
    status, mcp = call["status"], call["mcp"]
    if status is not None and status >= 400:
        return str(status)
    if mcp is not None and mcp["failed"]:
        return "_OTHER" if mcp["errorCode"] is None else str(mcp["errorCode"])
    if mcp is not None and mcp["toolFailed"]:
        return "tool_error"
    return call["end"] if call["end"] in ("upstream_error", "client_gone", "killed") else None


def _present(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value not in (None, "")}
