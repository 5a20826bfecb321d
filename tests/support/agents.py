"""Codex and Claude Code as their users run them, and a provider that has them run a command."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mitmproxy.net import encoding
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection

from support.certificates import Certificate
from support.company import ANTHROPIC, CHATGPT, OPENAI, Company
from support.installed import installed
from support.messages import reply_to_message, tool_use
from support.responses import function_call, message, reply_to_response, response_events
from support.socket_server import SocketServer
from support.upstream import Recorded, Reply

MADE = "made-by-the-agent"
COMMAND = f"touch {MADE}"
WORDS = "Do your work."
DONE = "The work is done."


ACCOUNT = "/backend-api/wham/accounts/check"
"""What Codex asks of ChatGPT before anything else."""
_ACCOUNTS = {
    "accounts": [
        {
            "id": "a",
            "workspace_backend_origin": f"https://{CHATGPT}",
            "account_routing_override": "NO_CONSTRAINT",
        }
    ],
    "account_ordering": ["a"],
    "default_account_id": "a",
}


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent over one transport: where its calls go, and the tool that runs commands."""

    host: str
    tool: str
    command: Callable[[str], list[str]]
    settle: Callable[[Company], dict[str, str]]
    """Writes the agent's own files; returns its environment."""
    in_socket: bool = False


class Socket(SocketServer):
    """The Responses API over a WebSocket; `asked` is what clients sent."""

    def __init__(self, certificate: Certificate) -> None:
        super().__init__(certificate)
        self.asked: list[dict[str, Any]] = []

    def greet(self, socket: ServerConnection, request: Request) -> Response | None:
        """Answer what Codex asks for before its WebSocket."""
        if request.path != ACCOUNT:
            return None
        answer = socket.respond(200, json.dumps(_ACCOUNTS))
        del answer.headers["Content-Type"]
        answer.headers["Content-Type"] = "application/json"
        return answer

    def converse(self, socket: ServerConnection) -> None:
        """Answer each `response.create` as a request would be answered."""
        try:
            for sent in socket:
                asked = json.loads(sent)
                self.asked.append(asked)
                output = () if asked.get("generate") is False else (_item(asked),)
                for event in response_events(asked, output):
                    socket.send(event.split(b"data: ")[1].decode().strip())
        except ConnectionClosed:
            pass


def answer(request: Recorded) -> Reply | None:
    """Have the agent run COMMAND, and end when it has; refuse WebSockets."""
    path = request.path.partition("?")[0]
    if request.header("upgrade"):
        return Reply.json({"error": {"message": "no WebSockets here"}}, status=426)
    if path == ACCOUNT:
        return Reply.json(_ACCOUNTS)
    request = plain(request)
    if request.method == "POST" and path.endswith("/responses"):
        return reply_to_response(request, _item(request.json()))
    if request.method == "POST" and path.endswith("/messages"):
        return reply_to_message(request, *_blocks(request.json()))
    return None


def plain(request: Recorded) -> Recorded:
    """Return a request without its compression, which Codex has for ChatGPT."""
    body = encoding.decode(request.body, request.header("content-encoding") or "identity")
    return replace(request, body=body) if isinstance(body, bytes) else request


def _item(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of a model that runs COMMAND first."""
    if "function_call_output" in json.dumps(asked["input"]):
        return message(DONE)
    return function_call("exec_command", json.dumps({"cmd": COMMAND}))


def _blocks(asked: dict[str, Any]) -> list[dict[str, Any]]:
    offered = {tool.get("name") for tool in asked.get("tools", ())}
    shell = next((name for name in ("Bash", "bash") if name in offered), None)
    if shell is None or "tool_result" in json.dumps(asked["messages"]):
        return [{"type": "text", "text": DONE}]
    return [tool_use(shell, command=COMMAND, description="Make a file")]


def _codex(model: str) -> list[str]:
    program = installed("node", "node_modules", ".bin", "codex")
    free = "--dangerously-bypass-approvals-and-sandbox"
    return [program, "exec", "--skip-git-repo-check", free, "-m", model, WORDS]


def _claude(model: str) -> list[str]:
    program = installed("node", "node_modules", ".bin", "claude")
    return [program, "-p", WORDS, "--model", model, "--allowedTools", "Bash"]


def _opencode(model: str) -> list[str]:
    program = installed("node", "node_modules", ".bin", "opencode")
    return [program, "run", "--model", f"anthropic/{model}", WORDS]


def _with_key(company: Company) -> dict[str, str]:
    return {"CODEX_HOME": str(company.home)}


def _with_provider(company: Company) -> dict[str, str]:
    """Have Codex post, as to a provider that has no WebSockets."""
    lines = (
        'model_provider = "company"',
        "[model_providers.company]",
        'name = "company"',
        f'base_url = "https://{OPENAI}/v1"',
        'env_key = "OPENAI_API_KEY"',
        'wire_api = "responses"',
        "supports_websockets = false",
    )
    (company.home / "config.toml").write_text("\n".join(lines))
    return _with_key(company)


def _with_login(company: Company) -> dict[str, str]:
    """Log in to ChatGPT, with tokens that are made up."""
    owner = {"chatgpt_plan_type": "pro", "chatgpt_account_id": "a", "chatgpt_user_id": "u"}
    claims = {"email": "a@example.test", "exp": 4_000_000_000, "https://api.openai.com/auth": owner}
    parts = [_base64(part) for part in ({"alg": "none"}, claims, "made-up")]
    token = ".".join(parts)
    tokens = {"id_token": token, "access_token": token, "refresh_token": "made-up",
              "account_id": "a"}  # fmt: skip
    login = {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": tokens,
             "last_refresh": "2100-01-01T00:00:00Z"}  # fmt: skip
    (company.home / "auth.json").write_text(json.dumps(login))
    return {**_with_key(company), "OPENAI_API_KEY": ""}


def _base64(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def _quietly(_company: Company) -> dict[str, str]:
    return {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "CLAUDE_CODE_MAX_RETRIES": "1"}


def _without_updates(company: Company) -> dict[str, str]:
    """Have opencode ask nobody but the provider."""
    settings = {"autoupdate": False, "share": "disabled"}
    (company.home / "opencode.json").write_text(json.dumps(settings))
    return {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1", "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
            "XDG_DATA_HOME": str(company.home / "data")}  # fmt: skip


AGENTS = {
    "codex over HTTP": Agent(OPENAI, "exec_command", _codex, _with_provider),
    "codex over a WebSocket": Agent(OPENAI, "exec_command", _codex, _with_key, True),
    "codex with a login": Agent(CHATGPT, "exec_command", _codex, _with_login),
    "codex with a login over a WebSocket": Agent(
        CHATGPT, "exec_command", _codex, _with_login, True
    ),
    "claude code": Agent(ANTHROPIC, "Bash", _claude, _quietly),
    "opencode": Agent(ANTHROPIC, "bash", _opencode, _without_updates),
}
ALLOWED = {"codex": "gpt-5", "claude": "claude-sonnet-4-5", "opencode": "claude-sonnet-4-5"}


def remembered(home: Path) -> bool:
    """Tell whether a file of the agent's has the command, as it has what the model said."""
    files = (file for file in home.rglob("*") if file.is_file())
    return any(COMMAND.encode() in file.read_bytes() for file in files)
