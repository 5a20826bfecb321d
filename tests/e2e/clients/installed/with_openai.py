from deeds import report
from openai import OpenAI

client = OpenAI()


def whole(words: str) -> str:
    said = [{"role": "user", "content": words}]
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=said)
    return answer.choices[0].message.content


def stream(words: str) -> str:
    said = [{"role": "user", "content": words}]
    chunks = client.chat.completions.create(model="gpt-4o-mini", messages=said, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


report(whole, stream)
