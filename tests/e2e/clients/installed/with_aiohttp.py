import asyncio
import json

import aiohttp
from deeds import report

URL = "https://api.openai.com/v1/chat/completions"


class Denied(Exception):
    pass


async def ask(words: str, stream: bool) -> str:
    asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": words}]}
    text = ""
    async with (
        aiohttp.ClientSession(trust_env=True) as session,
        session.post(URL, json={**asked, "stream": stream}) as answer,
    ):
        if answer.status != 200:
            raise Denied(await answer.text())
        if not stream:
            return (await answer.json())["choices"][0]["message"]["content"]
        async for line in answer.content:
            if line.startswith(b"data: {"):
                text += json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
    return text


report(lambda words: asyncio.run(ask(words, False)), lambda words: asyncio.run(ask(words, True)))
