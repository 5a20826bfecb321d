from holding import FUNCTIONS, MODEL, report
from langchain_openai import ChatOpenAI


def hold(base):
    model = ChatOpenAI(
        model=MODEL,
        base_url=f"{base}/v1",
        api_key="made-up",
        max_retries=0,
        use_responses_api=False,
    )
    whole = None
    for chunk in model.bind_tools(FUNCTIONS).stream("Look."):
        whole = chunk if whole is None else whole + chunk
    for call in whole.tool_calls:
        yield call["name"], call["args"]


report(hold)
