from holding import MODEL
from holding_llama_index import report_model
from llama_index.llms.anthropic import Anthropic

report_model(lambda base: Anthropic(model=MODEL, base_url=base, api_key="made-up", max_retries=0))
