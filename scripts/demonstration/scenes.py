"""The calls of the demonstration, and how each must come out."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import openai

from support.upstream import Break, Recorded, Reply, ToolCall, Turn, Upstream, reply_to_chat

MAIL = "ada.lovelace@example.org"
TOOL = "delete_database"
QUESTION = "What is the capital of Austria?"
ANSWER = "The capital of Austria is Vienna."


class Unintended(Exception):
    """A call that came out otherwise than it should; the message has both."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One call: what the client does and sees, and what the receipts must say of it."""

    title: str
    act: Callable[[Stage], str]
    verdict: str
    rule: str | None = None
    end: str = "complete"
    calls_upstream: int = 1


@dataclass(frozen=True, slots=True)
class Stage:
    """The SDK, and the upstream that a scene's calls may or may not reach."""

    client: openai.OpenAI
    upstream: Upstream

    def ask(self, content: str, **more: Any) -> str:
        """Ask the model and return its answer."""
        asked: dict[str, Any] = {"model": "gpt-4o-mini", **more}
        messages: Any = [{"role": "user", "content": content}]
        completion = self.client.chat.completions.create(messages=messages, **asked)
        return str(completion.choices[0].message.content)

    def is_refused(self, content: str, **more: Any) -> str:
        """Ask what must be refused and return the message of the refusal."""
        try:
            found = self.ask(content, **more)
        except openai.PermissionDeniedError as refused:
            return f"403 {refused.code}: {refused.body['message']}"  # type: ignore[index]
        raise Unintended(f"expected a refusal, found the answer {found!r}")


def model(request: Recorded) -> Reply:
    """Answer as a model would, or fail as a provider would."""
    question = request.json()["messages"][-1]["content"]
    if "fail" in question:
        return Reply.raw(Break.RESET)
    if request.json().get("tools"):
        return reply_to_chat(request, Turn("", (ToolCall(TOOL, '{"name": "production"}'),)))
    return reply_to_chat(request, Turn(ANSWER))


def an_answer(stage: Stage) -> str:
    """Ask for an ordinary chat."""
    return expect(stage.ask(QUESTION), ANSWER)


def an_unlisted_model(stage: Stage) -> str:
    """Ask a model that the policy doesn't list."""
    return stage.is_refused(QUESTION, model="somebody-elses-model")


def a_secret(stage: Stage) -> str:
    """Send a cloud credential, made up here and now, in the prompt."""
    alphabet = string.ascii_uppercase + "234567"
    key = "AKIA" + "".join(secrets.choice(alphabet) for _ in range(16))
    return stage.is_refused(f"Why does {key} not work?")


def an_address(stage: Stage) -> str:
    """Send an e-mail address in the prompt: the call passes, the address doesn't."""
    answer = expect(stage.ask(f"{QUESTION} Write to {MAIL}."), ANSWER)
    sent = stage.upstream.requests[-1].json()["messages"][-1]["content"]
    if MAIL in sent:
        raise Unintended(f"expected the address to be redacted, found it upstream: {sent!r}")
    return f"{answer}\nThe upstream saw: {sent}"


def a_tool(stage: Stage) -> str:
    """Let the model call a tool that nobody has allowed."""
    tool = {"type": "function", "function": {"name": TOOL, "parameters": {"type": "object"}}}
    return stage.is_refused("Clean up, please.", tools=[tool])


def a_stream(stage: Stage) -> str:
    """Read text that arrives in pieces, as the model writes it."""
    messages: Any = [{"role": "user", "content": QUESTION}]
    stream = stage.client.chat.completions.create(
        model="gpt-4o-mini", messages=messages, stream=True
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
    return f"{expect(''.join(pieces), ANSWER)} ({len(pieces)} pieces)"


def a_failure(stage: Stage) -> str:
    """Ask while the upstream resets the connection."""
    try:
        found = stage.ask("Please fail.")
    except openai.InternalServerError as failed:
        return f"{failed.status_code} from the proxy"
    raise Unintended(f"expected an error, found the answer {found!r}")


def expect(found: str, expected: str) -> str:
    """Return what was found if it is as expected; raise `Unintended` otherwise."""
    if found != expected:
        raise Unintended(f"expected {expected!r}, found {found!r}")
    return found


SCENES = (
    Scene("an ordinary chat", an_answer, "ALLOW"),
    Scene(
        "a model off the list",
        an_unlisted_model,
        "DENY",
        "models.unlisted",
        end="denied",
        calls_upstream=0,
    ),
    Scene(
        "a credential in the prompt",
        a_secret,
        "DENY",
        "secrets.request",
        end="denied",
        calls_upstream=0,
    ),
    Scene("an e-mail address in the prompt", an_address, "ALLOW"),
    Scene("a tool nobody has allowed", a_tool, "ESCALATE", "tools.unlisted", end="denied"),
    Scene("a stream", a_stream, "ALLOW"),
    Scene("an upstream that fails", a_failure, "ALLOW", end="upstream_error"),
)
