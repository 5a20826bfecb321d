"""Rules that look into a call without naming what they look into are heard all the same."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from helm_boundary.calls.call import HttpRequest
from helm_boundary.enforcement.reply import Forward, Reply
from helm_boundary.runtime.startup import start
from support.without_proxy import configured

WORD = "xyzzy"
LOOKS = {
    "the body": f'input.body.messages[_].content == "{WORD}"',
    "messages": f'input["messages"][_].text == "{WORD}"',
    "texts": f'some text in input.texts\n\ttext.text == "{WORD}"',
    "every value": f'walk(input, [_, "{WORD}"])',
    "a name put together": f'input[concat("", ["te", "xts"])][_].text == "{WORD}"',
    "a path": f'object.get(input, ["messages", 0, "text"], "") == "{WORD}"',
    "a name with an escape": f'input["\\u0062ody"].messages[0].content == "{WORD}"',
    "a raw name": f'input[`body`].messages[0].content == "{WORD}"',
    "as text": f'contains(json.marshal(input), "{WORD}")',
    "another name": f'document := input\n\tdocument.texts[_].text == "{WORD}"',
    "behind a hash in a string": f'mark := "#"; input.texts[_].text == "{WORD}"; mark != ""',
    "a helper": f'said(input) == "{WORD}"',
    "a loop": f'some name, value in input\n\tname == "texts"\n\tvalue[_].text == "{WORD}"',
    "another input": f'inner with input as {{"body": input.body}}\n\t"{WORD}" != ""',
}
MORE = {"another input": f'\ninner if input.body.messages[0].content == "{WORD}"\n'}
RULES = """package helm.rules.own

import rego.v1

said(document) := document.messages[0].text
%s
deny contains {
	"rule": "own",
	"code": "POLICY_VIOLATION",
	"message": "No.",
	"finality": "class_forbidden",
} if {
	input.phase == "request"
	%s
}
"""


async def _answers(policy: Path, state: Path, *said: str) -> list[Forward | Reply]:
    """Return what the boundary does with chats of one message each."""
    running = start(configured(policy, state))
    found = []
    for at, text in enumerate(said):
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}
        request = HttpRequest(
            "POST", "https", "api.openai.com", 443, "/v1/chat/completions", "",
            (("content-type", "application/json"),), json.dumps(body).encode(), f"flow-{at}",
        )  # fmt: skip
        exchange = await running.boundary.recognise(request)
        assert exchange is not None
        answer = await running.boundary.judge_request(exchange)
        assert isinstance(answer, Forward | Reply)
        found.append(answer)
    running.close()
    return found


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_is_heard(tmp_path: Path, look: str) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own.rego").write_text(RULES % (MORE.get(look, ""), LOOKS[look]))
    denied, passes = asyncio.run(_answers(tmp_path / "own", tmp_path / "state", WORD, "hello"))
    assert isinstance(denied, Reply)
    assert denied.status == 403
    assert b"POLICY_VIOLATION" in denied.body
    assert isinstance(passes, Forward)
