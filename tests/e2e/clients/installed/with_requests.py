import json

import requests
from deeds import report

URL = "https://api.openai.com/v1/chat/completions"


def asked(words: str, **more: object) -> dict[str, object]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": words}], **more}


class Denied(Exception):
    pass


def whole(words: str) -> str:
    answer = requests.post(URL, json=asked(words), timeout=20)
    if answer.status_code != 200:
        raise Denied(answer.text)
    return answer.json()["choices"][0]["message"]["content"]


def stream(words: str) -> str:
    text = ""
    with requests.post(URL, json=asked(words, stream=True), timeout=20, stream=True) as answer:
        if answer.status_code != 200:
            raise Denied(answer.text)
        for line in answer.iter_lines():
            if line.startswith(b"data: {"):
                text += json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
    return text


report(whole, stream)
