"""LangChain's models alike: chunks are added up, and the sum has the calls."""

from holding import report


def report_model(make, tools):
    """Report what a model holds that `make` returns for a base URL."""

    def hold(base):
        whole = None
        for chunk in make(base).bind_tools(tools).stream("Look."):
            whole = chunk if whole is None else whole + chunk
        for call in whole.tool_calls:
            yield call["name"], call["args"]

    report(hold)
