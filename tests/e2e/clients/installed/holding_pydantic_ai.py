"""pydantic-ai's models alike: what has come of a stream has the calls among its parts."""

import asyncio

from holding import SCHEMA, TOOLS, report
from pydantic_ai import ToolDefinition
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import ModelRequest
from pydantic_ai.models import ModelRequestParameters

OFFERED = ModelRequestParameters(
    function_tools=[ToolDefinition(name=name, parameters_json_schema=SCHEMA) for name in TOOLS]
)


async def _ask(model):
    said = [ModelRequest.user_text_prompt("Look.")]
    async with model_request_stream(model, said, model_request_parameters=OFFERED) as stream:
        async for _ in stream:
            pass
        return [
            (part.tool_name, part.args)
            for part in stream.get().parts
            if part.part_kind == "tool-call"
        ]


def report_model(make):
    """Report what a model holds that `make` returns for a base URL."""

    async def ask(base):
        return await _ask(make(base))

    with asyncio.Runner() as loop:
        report(lambda base: loop.run(ask(base)))
