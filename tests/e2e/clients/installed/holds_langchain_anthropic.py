from holding import BLOCKS, MODEL
from holding_langchain import report_model
from langchain_anthropic import ChatAnthropic

report_model(
    lambda base: ChatAnthropic(model=MODEL, base_url=base, api_key="made-up", max_retries=0),
    BLOCKS,
)
