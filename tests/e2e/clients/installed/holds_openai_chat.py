from holding import FUNCTIONS, MODEL, SAID, report
from openai import OpenAI


def hold(base):
    client = OpenAI(base_url=f"{base}/v1", api_key="made-up", max_retries=0)
    with client.chat.completions.stream(model=MODEL, messages=SAID, tools=FUNCTIONS) as stream:
        for event in stream:
            if event.type == "tool_calls.function.arguments.done":
                yield event.name, event.arguments
        for choice in stream.get_final_completion().choices:
            for call in choice.message.tool_calls or ():
                yield call.function.name, call.function.arguments
            if old := choice.message.function_call:
                yield old.name, old.arguments


report(hold)
