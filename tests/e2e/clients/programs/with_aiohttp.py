import asyncio
import json
import sys

import aiohttp

base, model = sys.argv[1:]
asked = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}


async def main() -> None:
    async with (
        aiohttp.ClientSession(trust_env=True) as session,
        session.post(f"{base}/chat/completions", json=asked) as response,
    ):
        error = (await response.json()).get("error", {})
        print(json.dumps({"status": response.status, "code": error.get("code")}))


asyncio.run(main())
