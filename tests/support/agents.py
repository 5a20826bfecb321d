"""Coding agents as their users run them, and the work that their provider has them do."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from support.agent_provider import DONE, Provider, Step
from support.company import ANTHROPIC, CHATGPT, GOOGLE, OPENAI, Company
from support.installed import PROGRAMS, installed

MADE, OTHER = "made-by-the-agent", "made-another-way"
COMMAND, ANOTHER = f"touch {MADE}", f"touch {OTHER}"
WORDS = "Do your work."

BROKEN, WHOLE = "    return a - b\n", "    return a + b\n"
CALC, TEST_CALC = "calc.py", "test_calc.py"
FILES = {
    CALC: f"def add(a, b):\n{BROKEN}",
    TEST_CALC: "import unittest\n\nimport calc\n\n\nclass Test(unittest.TestCase):\n"
    "    def test_add(self):\n        self.assertEqual(calc.add(2, 3), 5)\n",
}
TESTS = "python3 -m unittest test_calc"


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent over one transport: where its calls go, and its tools.

    `tool` runs commands, in its `argument`; an agent without one writes what its model says to
    files itself. `steers` is the `helm_on_tool_denied` that it goes on with, empty where none does.
    """

    host: str
    model: str
    command: Callable[[str], list[str]]
    settle: Callable[[Company], dict[str, str]]
    """Writes the agent's own files; returns its environment."""
    tool: str = ""
    argument: str = "command"
    more: dict[str, Any] = field(default_factory=dict)
    """What else its tool is called with."""
    reads: Callable[[Path], Step] = lambda _: ("", {})
    edits: Callable[[Path], Step] = lambda _: ("", {})
    in_socket: bool = False
    steers: Literal["auto", "steer", ""] = "auto"
    asks: int = 1
    """How often it asks, where it is denied."""
    names_session: bool = True

    def runs(self, command: str) -> Step:
        """Return the call that runs a command."""
        return self.tool, {self.argument: command, **self.more}

    def makes(self, *commands: str) -> Provider:
        """Return a provider that has it run commands, or write the file without one."""
        if not self.tool:
            mended = _block(CALC, BROKEN, WHOLE)  # or it would ask again, as its tests fail
            return Provider(says=f"{_block(MADE, '', 'made')}\n{mended}\n{DONE}")
        return Provider([self.runs(command) for command in commands])

    def works(self, home: Path) -> Provider:
        """Return a provider that has it read a file, mend it and run the tests."""
        if not self.tool:
            return Provider(says=f"{_block(CALC, BROKEN, WHOLE)}\n{DONE}")
        return Provider((self.reads(home), self.edits(home), self.runs(TESTS)))


def _block(file: str, old: str, new: str) -> str:
    """Write a change as aider has its models write one."""
    old, new = (f"{text.rstrip()}\n" if text else "" for text in (old, new))
    return f"{file}\n```\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n"


def _codex(model: str) -> list[str]:
    program = installed("node", "node_modules", ".bin", "codex")
    free = "--dangerously-bypass-approvals-and-sandbox"
    return [program, "exec", "--skip-git-repo-check", free, "-m", model, WORDS]


def _claude(model: str) -> list[str]:
    program = installed("node", "node_modules", ".bin", "claude")
    return [program, "-p", WORDS, "--model", model, "--allowedTools", "Bash", "Read", "Edit"]


def _opencode(model: str) -> list[str]:
    program = installed("node", "node_modules", ".bin", "opencode")
    return [program, "run", "--model", f"anthropic/{model}", WORDS]


def _gemini(model: str) -> list[str]:
    program = installed("node", "node_modules", ".bin", "gemini")
    return [program, "-p", WORDS, "-m", model, "--yolo"]


def _aider(model: str) -> list[str]:
    program = installed("aider", "bin", "aider")
    quiet = ["--no-git", "--yes-always", "--no-check-update", "--analytics-disable", "--no-pretty"]
    quiet += ["--no-show-model-warnings", "--no-show-release-notes", "--map-tokens", "0"]
    tests = ["--auto-test", "--test-cmd", TESTS, "--edit-format", "diff"]
    return [program, *quiet, *tests, "--model", f"openai/{model}", "--message", WORDS, CALC]


def _program(name: str, kind: str) -> Callable[[str], list[str]]:
    """Return the command of an agent that its user wrote."""

    def command(model: str) -> list[str]:
        return [installed("python", "bin", "python"), str(PROGRAMS / name), kind, model, WORDS]

    return command


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


def _trusting(company: Company) -> dict[str, str]:
    """Have the Gemini CLI use its key and tell nobody of it."""
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "general": {"disableAutoUpdate": True, "enableAutoUpdate": False},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
    }
    folder = company.home / ".gemini"
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(settings))
    return {"GEMINI_CLI_TRUST_WORKSPACE": "true"}


def _as_it_is(_company: Company) -> dict[str, str]:
    return {"OPENAI_AGENTS_DISABLE_TRACING": "1", "PYTHONDONTWRITEBYTECODE": "1"}


_PATCH = (
    f"apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: {CALC}\n@@\n"
    f"-{BROKEN}+{WHOLE}*** End Patch\nEOF"
)
_OF_CODEX: dict[str, Any] = {
    "model": "gpt-5",
    "command": _codex,
    "tool": "exec_command",
    "argument": "cmd",
    "reads": lambda _: ("exec_command", {"cmd": f"cat {CALC}"}),
    "edits": lambda _: ("exec_command", {"cmd": _PATCH}),
}
_OWN_TOOLS: dict[str, Any] = {
    "host": OPENAI,
    "model": "gpt-4o",
    "settle": _as_it_is,
    "tool": "run_command",
    "reads": lambda _: ("read_file", {"path": CALC}),
    "edits": lambda _: ("edit_file", {"path": CALC, "old": BROKEN, "new": WHOLE}),
}
"""What a user's own program has."""

AGENTS = {
    "codex over HTTP": Agent(OPENAI, settle=_with_provider, **_OF_CODEX),
    "codex over a WebSocket": Agent(OPENAI, settle=_with_key, in_socket=True, **_OF_CODEX),
    "codex with a login": Agent(CHATGPT, settle=_with_login, **_OF_CODEX),
    "codex with a login over a WebSocket": Agent(
        CHATGPT, settle=_with_login, in_socket=True, **_OF_CODEX
    ),
    "claude code": Agent(
        ANTHROPIC, "claude-sonnet-4-5", _claude, _quietly, "Bash",
        more={"description": "Run it"},
        reads=lambda home: ("Read", {"file_path": str(home / CALC)}),
        edits=lambda home: ("Edit", {"file_path": str(home / CALC), "old_string": BROKEN,
                                     "new_string": WHOLE}),
        asks=2,
    ),
    "opencode": Agent(
        ANTHROPIC, "claude-sonnet-4-5", _opencode, _without_updates, "bash",
        more={"description": "Run it"},
        reads=lambda home: ("read", {"filePath": str(home / CALC)}),
        edits=lambda home: ("edit", {"filePath": str(home / CALC), "oldString": BROKEN,
                                     "newString": WHOLE}),
    ),
    "gemini cli": Agent(
        GOOGLE, "gemini-2.5-pro", _gemini, _trusting, "run_shell_command",
        more={"description": "Run it"},
        reads=lambda home: ("read_file", {"file_path": str(home / CALC)}),
        edits=lambda home: ("replace", {"file_path": str(home / CALC), "old_string": BROKEN,
                                        "new_string": WHOLE, "instruction": "Mend add."}),
        names_session=False,
    ),
    "aider": Agent(
        OPENAI, "gpt-4o", _aider, _as_it_is, steers="", names_session=False
    ),
    "langchain": Agent(
        command=_program("agent_langchain.py", "chat"),
        steers="steer", names_session=False, **_OWN_TOOLS
    ),
    "langchain over responses": Agent(
        command=_program("agent_langchain.py", "responses"),
        steers="steer", names_session=False, **_OWN_TOOLS
    ),
    "agents sdk": Agent(
        command=_program("agent_openai_agents.py", "responses"), steers="", **_OWN_TOOLS
    ),
    "agents sdk over chat": Agent(
        command=_program("agent_openai_agents.py", "chat"), steers="", **_OWN_TOOLS
    ),
}  # fmt: skip


def remembered(home: Path) -> bool:
    """Tell whether a file of the agent's has the command, as it has what the model said."""
    files = (file for file in home.rglob("*") if file.is_file())
    return any(COMMAND.encode() in file.read_bytes() for file in files)
