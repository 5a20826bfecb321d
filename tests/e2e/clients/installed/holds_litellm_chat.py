import litellm
from holding import FUNCTIONS, MODEL, SAID, report


def hold(base):
    asked = {"model": f"openai/{MODEL}", "messages": SAID, "tools": FUNCTIONS, "stream": True}
    stream = litellm.completion(**asked, api_base=f"{base}/v1", api_key="made-up", max_retries=0)
    whole = litellm.stream_chunk_builder(list(stream))
    for choice in whole.choices:
        for call in choice.message.tool_calls or ():
            yield call.function.name, call.function.arguments
        if old := choice.message.function_call:
            yield old.name, old.arguments


report(hold)
