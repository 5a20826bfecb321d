# The loop of OpenAI's guide to function calling.
from holding import FUNCTIONS, MODEL, SAID, report
from openai import OpenAI


def hold(base):
    client = OpenAI(base_url=f"{base}/v1", api_key="made-up", max_retries=0)
    calls = {}
    asked = {"model": MODEL, "messages": SAID, "tools": FUNCTIONS, "stream": True}
    for chunk in client.chat.completions.create(**asked):
        for choice in chunk.choices:
            for call in choice.delta.tool_calls or []:
                if call.index not in calls:
                    calls[call.index] = call
                else:
                    calls[call.index].function.arguments += call.function.arguments
    for call in calls.values():
        yield call.function.name, call.function.arguments


report(hold)
