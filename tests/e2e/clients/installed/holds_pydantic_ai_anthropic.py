from anthropic import AsyncAnthropic
from holding import MODEL
from holding_pydantic_ai import report_model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider


def make(base):
    client = AsyncAnthropic(base_url=base, api_key="made-up", max_retries=0)
    return AnthropicModel(MODEL, provider=AnthropicProvider(anthropic_client=client))


report_model(make)
