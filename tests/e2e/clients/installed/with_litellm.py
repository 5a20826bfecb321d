import litellm
from deeds import report

MODEL = "openai/gpt-4o-mini"


def whole(words: str) -> str:
    said = [{"role": "user", "content": words}]
    return litellm.completion(model=MODEL, messages=said).choices[0].message.content


def stream(words: str) -> str:
    said = [{"role": "user", "content": words}]
    chunks = litellm.completion(model=MODEL, messages=said, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


report(whole, stream)
