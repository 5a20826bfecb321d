from deeds import report
from llama_index.llms.openai import OpenAI

llm = OpenAI(model="gpt-4o-mini")
report(
    lambda words: llm.complete(words).text,
    lambda words: "".join(part.delta or "" for part in llm.stream_complete(words)),
)
