"""LlamaIndex's models alike: the last of a stream's answers has the calls."""

from holding import TOOLS, report
from llama_index.core.tools import FunctionTool


def _tool(name):
    return FunctionTool.from_defaults(fn=lambda p="": p, name=name, description=name)


def report_model(make):
    """Report what a model holds that `make` returns for a base URL."""

    def hold(base):
        model = make(base)
        tools = [_tool(name) for name in TOOLS]
        *_, last = model.stream_chat_with_tools(tools, user_msg="Look.")
        for call in model.get_tool_calls_from_response(last, error_on_no_tool_call=False):
            yield call.tool_name, call.tool_kwargs

    report(hold)
