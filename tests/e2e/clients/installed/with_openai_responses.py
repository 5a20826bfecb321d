from deeds import report
from openai import OpenAI

client = OpenAI()


def whole(words: str) -> str:
    return client.responses.create(model="gpt-4o-mini", input=words).output_text


def stream(words: str) -> str:
    events = client.responses.create(model="gpt-4o-mini", input=words, stream=True)
    return "".join(one.delta for one in events if one.type == "response.output_text.delta")


report(whole, stream)
