from holding import FLAT, MODEL, report
from openai import OpenAI


def hold(base):
    client = OpenAI(base_url=f"{base}/v1", api_key="made-up", max_retries=0)
    with client.responses.stream(model=MODEL, input="Look.", tools=FLAT) as stream:
        for event in stream:
            if event.type == "response.output_item.done" and event.item.type == "function_call":
                yield event.item.name, event.item.arguments
            if event.type == "response.function_call_arguments.done" and event.name:
                yield event.name, event.arguments
        for item in stream.get_final_response().output:
            if item.type == "function_call":
                yield item.name, item.arguments


report(hold)
