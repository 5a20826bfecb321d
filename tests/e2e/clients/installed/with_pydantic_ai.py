import asyncio

from deeds import report
from pydantic_ai import Agent

agent = Agent("openai-chat:gpt-4o-mini")


async def whole(words: str) -> str:
    return (await agent.run(words)).output


async def stream(words: str) -> str:
    async with agent.run_stream(words) as running:
        return await running.get_output()


with asyncio.Runner() as loop:
    report(lambda words: loop.run(whole(words)), lambda words: loop.run(stream(words)))
