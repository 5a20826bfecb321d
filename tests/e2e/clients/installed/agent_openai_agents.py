"""A coding agent in OpenAI's Agents SDK: `agent_openai_agents.py chat|responses MODEL WORDS`."""

import asyncio
import sys

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from coding_tools import TOOLS
from openai import AsyncOpenAI

kind, name, words = sys.argv[1:]
set_tracing_disabled(True)


async def work() -> str:
    """Have the agent work; return what its model said in the end."""
    make = OpenAIChatCompletionsModel if kind == "chat" else OpenAIResponsesModel
    model = make(name, AsyncOpenAI())
    agent = Agent(name="coder", model=model, tools=[function_tool(tool) for tool in TOOLS])
    running = Runner.run_streamed(agent, words)
    async for _ in running.stream_events():
        pass
    return running.final_output


print(asyncio.run(work()))
