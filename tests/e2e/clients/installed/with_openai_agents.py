import asyncio

from agents import Agent, Runner, set_tracing_disabled
from deeds import report

set_tracing_disabled(True)
agent = Agent(name="Greeter", instructions="Greet.", model="gpt-4o-mini")


async def whole(words: str) -> str:
    return (await Runner.run(agent, words)).final_output


async def stream(words: str) -> str:
    running = Runner.run_streamed(agent, words)
    async for _ in running.stream_events():
        pass
    return running.final_output


with asyncio.Runner() as loop:
    report(lambda words: loop.run(whole(words)), lambda words: loop.run(stream(words)))
