from holding import MODEL
from holding_llama_index import report_model
from llama_index.llms.openai import OpenAIResponses

report_model(
    lambda base: OpenAIResponses(
        model=MODEL, api_base=f"{base}/v1", api_key="made-up", max_retries=0
    )
)
