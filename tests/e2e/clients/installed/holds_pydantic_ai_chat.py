from holding import MODEL
from holding_pydantic_ai import report_model
from openai import AsyncOpenAI
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


def make(base):
    client = AsyncOpenAI(base_url=f"{base}/v1", api_key="made-up", max_retries=0)
    return OpenAIChatModel(MODEL, provider=OpenAIProvider(openai_client=client))


report_model(make)
