from anthropic import Anthropic
from deeds import report

client = Anthropic()
MODEL = "claude-sonnet-4-5"


def whole(words: str) -> str:
    said = [{"role": "user", "content": words}]
    return client.messages.create(model=MODEL, max_tokens=99, messages=said).content[0].text


def stream(words: str) -> str:
    said = [{"role": "user", "content": words}]
    with client.messages.stream(model=MODEL, max_tokens=99, messages=said) as answer:
        return "".join(answer.text_stream)


report(whole, stream)
