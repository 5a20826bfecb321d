import asyncio

from holding import MODEL, SCHEMA, TOOLS, report
from openai import AsyncOpenAI
from pydantic_ai import ToolDefinition
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import ModelRequest
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

OFFERED = ModelRequestParameters(
    function_tools=[ToolDefinition(name=name, parameters_json_schema=SCHEMA) for name in TOOLS]
)


async def ask(base):
    client = AsyncOpenAI(base_url=f"{base}/v1", api_key="made-up", max_retries=0)
    model = OpenAIChatModel(MODEL, provider=OpenAIProvider(openai_client=client))
    said = [ModelRequest.user_text_prompt("Look.")]
    async with model_request_stream(model, said, model_request_parameters=OFFERED) as stream:
        async for _ in stream:
            pass
        return [
            (part.tool_name, part.args)
            for part in stream.get().parts
            if part.part_kind == "tool-call"
        ]


with asyncio.Runner() as loop:
    report(lambda base: loop.run(ask(base)))
