"""The closed tables of what answers have, by dialect and object. Whatever isn't here is a text.

Sources are those of the dialects' modules. What stands in a tool call is accounted for by the
readers of calls, and compared by `streaming/tellings.py`.
"""

from __future__ import annotations

from typing import Final

from .members import Members

# -- chat completions, and completions of old ------------------------------------------------

COMPLETION: Final = Members(
    protocol="created id model object obfuscation service_tier system_fingerprint",
    counts="usage",
    read="choices",
)
"""A whole completion, or a chunk of one."""
CHOICE: Final = Members(
    tags="finish_reason",
    protocol="index",
    counts="usage",
    grows="text",
    repeats="logprobs",
    read="delta message",
)
"""A choice of a chunk."""
DELTA: Final = Members(tags="role", grows="content refusal", read="function_call tool_calls")

# -- Anthropic's messages --------------------------------------------------------------------

MESSAGE: Final = Members(
    tags="role type",
    protocol="container context_management id model stop_reason stop_sequence",
    counts="usage",
    read="content",
)
_OF_EVENT = "index type"
MESSAGES_EVENT: Final = Members(protocol=_OF_EVENT, counts="usage")
MESSAGES_EVENTS: Final = {
    "message_start": Members(protocol=_OF_EVENT, counts="usage", read="message"),
    "content_block_start": Members(protocol=_OF_EVENT, counts="usage", read="content_block"),
    "content_block_delta": Members(protocol=_OF_EVENT, counts="usage", read="delta"),
}
"""Those events that have an object with a table of its own, by their type."""

# -- responses -------------------------------------------------------------------------------

RESPONSE: Final = Members(
    protocol="background completed_at conversation conversation_id created_at frequency_penalty"
    " id max_output_tokens max_tool_calls model object parallel_tool_calls presence_penalty"
    " previous_response_id prompt_cache_key prompt_cache_retention reasoning safety_identifier"
    " service_tier status store temperature tool_choice top_logprobs top_p truncation usage user",
    read="input instructions metadata output prompt text tools",
)
"""A whole response; but for its output, what is read repeats the request, which was judged."""
_OF_RESPONSES_EVENT = (
    "content_index event_id item_id obfuscation output_index response_id sequence_number"
    " stream_id summary_index type"
)
RESPONSES_EVENT: Final = Members(protocol=_OF_RESPONSES_EVENT, repeats="logprobs")
RESPONSES_DELTA: Final = Members(protocol=_OF_RESPONSES_EVENT, grows="delta", repeats="logprobs")
RESPONSES_ITEM_EVENT: Final = Members(protocol=_OF_RESPONSES_EVENT, repeats="logprobs", read="item")
RESPONSES_WHOLE_EVENT: Final = Members(
    protocol=_OF_RESPONSES_EVENT, repeats="logprobs", read="response"
)
RESPONSES_PART: Final = Members(
    protocol=f"{_OF_RESPONSES_EVENT} call_id", read="name namespace server_label"
)
"""An event of a tool call; what else it has of the call, its reader takes out first."""

# -- Bedrock's Converse ----------------------------------------------------------------------

BEDROCK_ANSWER: Final = Members(
    tags="stopReason", protocol="metrics performanceConfig serviceTier", counts="usage",
    read="output",
)  # fmt: skip
BEDROCK_OUTPUT: Final = Members(read="message")
BEDROCK_MESSAGE: Final = Members(tags="role", read="content")
BEDROCK_EVENT: Final = Members(
    tags="role stopReason", protocol="contentBlockIndex metrics p performanceConfig serviceTier",
    counts="usage", read="delta start",
)  # fmt: skip
"""An event's payload; `p` are letters that pad it."""

# -- others ----------------------------------------------------------------------------------

COHERE_ANSWER: Final = Members(
    protocol="finish_reason id", counts="usage", repeats="logprobs", read="message"
)
COHERE_EVENT: Final = Members(protocol="id index type", read="delta")
COHERE_DELTA: Final = Members(counts="usage", read="message")

GEMINI_ANSWER: Final = Members(
    protocol="createTime create_time modelVersion model_version responseId response_id",
    counts="usageMetadata usage_metadata",
    read="candidates",
)
GEMINI_CANDIDATE: Final = Members(protocol="finishReason finish_reason index", read="content")
GEMINI_CONTENT: Final = Members(tags="role", read="parts")

INTERACTIONS_EVENT: Final = Members(
    protocol="event_id event_type index interaction_id status", read="delta interaction step"
)

OLLAMA_LINE: Final = Members(
    protocol="context created_at done done_reason eval_count eval_duration load_duration model"
    " prompt_eval_count prompt_eval_duration total_duration",
    read="message",
)
