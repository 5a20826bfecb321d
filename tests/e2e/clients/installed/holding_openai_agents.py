"""The Agents SDK with either of OpenAI's APIs: what its tools were called with."""

import asyncio

from agents import Agent, FunctionTool, Runner, set_tracing_disabled
from holding import MODEL, SCHEMA, TOOLS, report
from openai import AsyncOpenAI


async def _ask(kind, base):
    ran = []

    def tool(name):
        async def invoke(_context, arguments):
            ran.append((name, arguments))
            return "done"

        return FunctionTool(name, name, SCHEMA, invoke, strict_json_schema=False)

    client = AsyncOpenAI(base_url=f"{base}/v1", api_key="made-up", max_retries=0)
    agent = Agent(
        "looker",
        model=kind(MODEL, client),
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


def report_agent(kind):
    """Report what an agent runs whose model is of that kind."""
    set_tracing_disabled(True)
    with asyncio.Runner() as loop:
        report(lambda base: loop.run(_ask(kind, base)))
