import asyncio

from agents import Agent, FunctionTool, OpenAIResponsesModel, Runner, set_tracing_disabled
from holding import MODEL, SCHEMA, TOOLS, report
from openai import AsyncOpenAI

set_tracing_disabled(True)


async def ask(base):
    ran = []

    def tool(name):
        async def invoke(_context, arguments):
            ran.append((name, arguments))
            return "done"

        return FunctionTool(name, name, SCHEMA, invoke, strict_json_schema=False)

    client = AsyncOpenAI(base_url=f"{base}/v1", api_key="made-up", max_retries=0)
    agent = Agent(
        "looker",
        model=OpenAIResponsesModel(MODEL, client),
        tools=[tool(name) for name in TOOLS],
        tool_use_behavior="stop_on_first_tool",
    )
    running = Runner.run_streamed(agent, "Look.", max_turns=1)
    try:
        async for _ in running.stream_events():
            pass
    except Exception:
        if not ran:
            raise
    return ran


with asyncio.Runner() as loop:
    report(lambda base: loop.run(ask(base)))
