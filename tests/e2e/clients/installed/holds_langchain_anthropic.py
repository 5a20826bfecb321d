from holding import BLOCKS, MODEL, report
from langchain_anthropic import ChatAnthropic


def hold(base):
    model = ChatAnthropic(model=MODEL, base_url=base, api_key="made-up", max_retries=0)
    whole = None
    for chunk in model.bind_tools(BLOCKS).stream("Look."):
        whole = chunk if whole is None else whole + chunk
    for call in whole.tool_calls:
        yield call["name"], call["args"]


report(hold)
