"""Does what the JSON on its standard input says, with whichever SDK the interpreter has.

client.py URL: takes a list of [what, arguments], prints what came of each as JSON.
A URL of stdio:COMMAND starts a server.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack

URL, STEPS = sys.argv[1], json.load(sys.stdin)


async def connect(stack):
    try:
        from fastmcp import Client
    except ImportError:
        try:
            from mcp import Client
        except ImportError:
            return await connect_session(stack)
    return await stack.enter_async_context(Client(URL))


async def connect_session(stack):
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    if URL.startswith("stdio:"):
        from mcp.client.stdio import StdioServerParameters, stdio_client

        program, *arguments = URL.removeprefix("stdio:").split()
        started = StdioServerParameters(command=program, args=arguments)
        reading, writing = await stack.enter_async_context(stdio_client(started))
    else:
        reading, writing, _ = await stack.enter_async_context(streamablehttp_client(URL))
    session = await stack.enter_async_context(ClientSession(reading, writing))
    await session.initialize()
    return session


async def do(client, what, arguments):
    try:
        result = await getattr(client, what)(*arguments)
    except Exception as error:
        return failure(error)
    if isinstance(result, list):
        return {"result": [each.model_dump(mode="json") for each in result]}
    if hasattr(result, "model_dump"):
        return {"result": result.model_dump(mode="json", by_alias=True)}
    return {
        "result": json.loads(
            json.dumps(
                result, default=lambda each: vars(each) if hasattr(each, "__dict__") else str(each)
            )
        )
    }


def failure(error):
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    known = getattr(error, "error", None)
    told = {"failed": type(error).__name__, "message": str(error)}
    if known is not None:
        told |= {"code": known.code, "data": known.data}
    return told


async def main():
    done = []
    try:
        async with AsyncExitStack() as stack:
            client = await connect(stack)
            for what, arguments in STEPS:
                done.append(await do(client, what, arguments))
    except BaseException as error:
        done.append({"broken": True, **failure(error)})
    print(json.dumps(done))


asyncio.run(main())
