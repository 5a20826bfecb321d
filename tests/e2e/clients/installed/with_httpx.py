import json

import httpx
from deeds import report

URL = "https://api.openai.com/v1/chat/completions"


def asked(words: str, **more: object) -> dict[str, object]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": words}], **more}


class Denied(Exception):
    pass


def whole(words: str) -> str:
    answer = httpx.post(URL, json=asked(words), timeout=20)
    if answer.status_code != 200:
        raise Denied(answer.text)
    return answer.json()["choices"][0]["message"]["content"]


def stream(words: str) -> str:
    text = ""
    with httpx.stream("POST", URL, json=asked(words, stream=True), timeout=20) as answer:
        if answer.status_code != 200:
            raise Denied(answer.read())
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                text += json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
    return text


report(whole, stream)
