"""Names in spans and metrics, in one table: today's of the GenAI conventions, and the coming ones.

The conventions have moved to a repository of their own and everything in them is in development, so
a name that changes is a line here. OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental chooses
the coming ones. Source: the package opentelemetry-semantic-conventions, which a test compares.
"""

from __future__ import annotations

import os

TODAY = {
    "operation": "gen_ai.operation.name",
    "provider": "gen_ai.provider.name",
    "model": "gen_ai.request.model",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "stream": "gen_ai.request.stream",
    "n": "gen_ai.request.choice.count",
    "seed": "gen_ai.request.seed",
    "model_served": "gen_ai.response.model",
    "response_id": "gen_ai.response.id",
    "conversation": "gen_ai.conversation.id",
    "finish_reasons": "gen_ai.response.finish_reasons",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "token_type": "gen_ai.token.type",
    "duration": "gen_ai.client.operation.duration",
    "duration_of_others": "gen_ai.client.operation.duration",
    "token_usage": "gen_ai.client.token.usage",
    "first_chunk": "gen_ai.response.time_to_first_chunk",
    "time_to_first_chunk": "gen_ai.client.operation.time_to_first_chunk",
    "time_per_chunk": "gen_ai.client.operation.time_per_output_chunk",
    "tool": "gen_ai.tool.name",
    "prompt": "gen_ai.prompt.name",
    "mcp_method": "mcp.method.name",
    "mcp_session": "mcp.session.id",
    "mcp_version": "mcp.protocol.version",
    "mcp_duration": "mcp.client.operation.duration",
    "message_id": "jsonrpc.request.id",
    "rpc_status": "rpc.response.status_code",
    "transport": "network.transport",
    "server_address": "server.address",
    "server_port": "server.port",
    "error_type": "error.type",
    "method": "http.request.method",
    "status": "http.response.status_code",
    "route": "http.route",
    "scheme": "url.scheme",
}
COMING = {
    "cache_write_tokens": "gen_ai.usage.cache_write.input_tokens",
    "duration": "gen_ai.client.inference.duration",
    "time_to_first_chunk": "gen_ai.client.inference.time_to_first_chunk",
    "time_per_chunk": "gen_ai.client.inference.time_per_output_chunk",
}
"""Names that the coming conventions have otherwise: version 0.1.0 of their own repository."""

COMING_TOKENS = {
    "input_tokens": "gen_ai.client.inference.operation.input_tokens",
    "output_tokens": "gen_ai.client.inference.operation.output_tokens",
}
"""Two histograms that come in place of the one by `gen_ai.token.type`."""

VERDICT, REASON = "helm.verdict", "helm.reason_code"
RECEIPT, POLICY = "helm.receipt_id", "helm.policy_digest"
"""Names of our own."""

GUARDRAIL_SPAN = "apply_guardrail helm-boundary"
GUARDRAIL_EVENT = "gen_ai.guardrail.result"
GUARDRAIL = {
    "policy": "gen_ai.guardrail.policy.id",
    "version": "gen_ai.guardrail.policy.version",
    "rule": "gen_ai.guardrail.policy.rule.id",
    "value": "gen_ai.guardrail.result.value",
}
"""Proposed for the conventions; no package has them yet."""

OPERATIONS = {
    "chat": "chat", "responses": "chat", "messages": "chat", "completions": "text_completion",
    "gemini": "generate_content", "interactions": "generate_content", "ollama": "chat",
    "cohere": "chat", "bedrock": "chat", "realtime": "chat",
}  # fmt: skip
PROVIDERS = {
    "azure": "azure.ai.openai", "bedrock": "aws.bedrock", "google": "gcp.gemini",
    "gemini": "gcp.gemini", "vertex": "gcp.vertex_ai", "mistral": "mistral_ai", "xai": "x_ai",
    "moonshot": "moonshot_ai", "watsonx": "ibm.watsonx.ai",
}  # fmt: skip
"""Providers that the conventions call otherwise than we do."""

EXECUTE_TOOL = "execute_tool"
EMBEDDINGS = "embeddings"

DURATION_BOUNDS = tuple(0.01 * 2**power for power in range(14))
TOKEN_BOUNDS = tuple(4**power for power in range(14))
MCP_BOUNDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)


def names() -> dict[str, str]:
    """Return the names to use, by what we call them."""
    return TODAY | COMING if are_coming() else TODAY


def are_coming() -> bool:
    """Tell whether the coming names are wanted."""
    wanted = os.environ.get("OTEL_SEMCONV_STABILITY_OPT_IN", "").split(",")
    return "gen_ai_latest_experimental" in (each.strip() for each in wanted)


def operation_name(operation: str, dialect: str) -> str:
    """Return what the conventions call an operation: of the catalogue's, where they have none."""
    if "mbed" in operation:
        return EMBEDDINGS
    return OPERATIONS.get(dialect, operation)


def provider_name(provider: str) -> str:
    """Return what the conventions call a provider."""
    return PROVIDERS.get(provider, provider)
