from anthropic import Anthropic
from holding import BLOCKS, MODEL, SAID, report


def hold(base):
    client = Anthropic(base_url=base, api_key="made-up", max_retries=0)
    asked = {"model": MODEL, "messages": SAID, "tools": BLOCKS, "max_tokens": 9}
    with client.messages.stream(**asked) as stream:
        for event in stream:
            if event.type == "content_block_stop" and event.content_block.type == "tool_use":
                yield event.content_block.name, event.content_block.input
        for block in stream.get_final_message().content:
            if block.type == "tool_use":
                yield block.name, block.input


report(hold)
