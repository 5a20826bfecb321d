"""A server with what the protocol's conformance suite calls, by PyPI's `mcp` 1.x; prints its port.

The suite names tools, resources and prompts; see `conformance list`.
"""

import socket

import uvicorn
from mcp.server.fastmcp import Context, FastMCP, Image
from mcp.types import SamplingMessage, TextContent
from pydantic import BaseModel

server = FastMCP("conformance")
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


class Person(BaseModel):
    username: str
    email: str


@server.tool()
def test_simple_text() -> str:
    """Say something."""
    return "This is a simple text response for testing."


@server.tool()
def test_image_content() -> Image:
    """Draw something."""
    return Image(data=PICTURE, format="png")


@server.tool()
def test_multiple_content_types() -> list:
    """Say and draw something."""
    return ["Multiple content types test:", Image(data=PICTURE, format="png")]


@server.tool()
def test_error_handling() -> str:
    """Fail."""
    raise ValueError("This tool intentionally returns an error for testing")


@server.tool()
async def test_tool_with_logging(ctx: Context) -> str:
    """Log on the way."""
    for line in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.info(line)
    return "logged"


@server.tool()
async def test_tool_with_progress(ctx: Context) -> str:
    """Get on."""
    for at in (0, 50, 100):
        await ctx.report_progress(at, 100)
    return "progressed"


@server.tool()
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Ask the client's model."""
    asked = SamplingMessage(role="user", content=TextContent(type="text", text=prompt))
    result = await ctx.session.create_message([asked], max_tokens=100)
    return f"LLM response: {result.content.text}"


@server.tool()
async def test_elicitation(message: str, ctx: Context) -> str:
    """Ask a person."""
    result = await ctx.elicit(message, Person)
    return f"User response: {result.action}"


@server.resource("test://static-text")
def static_text() -> str:
    """Give a text."""
    return "This is the content of the static text resource."


@server.resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """Give a picture."""
    return PICTURE


@server.resource("test://template/{id}/data", mime_type="application/json")
def template(id: str) -> str:
    """Fill a template."""
    return f'{{"id": "{id}"}}'


@server.prompt()
def test_simple_prompt() -> str:
    """A prompt."""
    return "This is a simple prompt for testing."


@server.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """A prompt with arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen(64)
print(listening.getsockname()[1], flush=True)
config = uvicorn.Config(server.streamable_http_app(), log_level="error")
uvicorn.Server(config).run(sockets=[listening])
