from holding import MODEL, TOOLS, report
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI as Model


def tool(name):
    return FunctionTool.from_defaults(fn=lambda p="": p, name=name, description=name)


def hold(base):
    model = Model(model=MODEL, api_base=f"{base}/v1", api_key="made-up", max_retries=0)
    tools = [tool(name) for name in TOOLS]
    *_, last = model.stream_chat_with_tools(tools, user_msg="Look.")
    for call in model.get_tool_calls_from_response(last, error_on_no_tool_call=False):
        yield call.tool_name, call.tool_kwargs


report(hold)
