from holding import FUNCTIONS, MODEL
from holding_langchain import report_model
from langchain_openai import ChatOpenAI

report_model(
    lambda base: ChatOpenAI(
        model=MODEL,
        base_url=f"{base}/v1",
        api_key="made-up",
        max_retries=0,
        use_responses_api=False,
    ),
    FUNCTIONS,
)
