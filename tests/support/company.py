"""A make-believe company: providers by their own names, a gateway to them, and `helm-boundary`.

with Company(tmp_path) as company:
    finished = company.exec("curl", "-sS", "https://api.openai.com/v1/models")
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.certificates import Authority
from support.gateway import Gateway
from support.messages import reply_to_message
from support.responses import reply_to_response
from support.upstream import Recorded, Reply, Upstream

OPENAI, ANTHROPIC, FORGE = "api.openai.com", "api.anthropic.com", "git.example.test"
CHATGPT, GOOGLE = "chatgpt.com", "generativelanguage.googleapis.com"
HOSTS = (OPENAI, ANTHROPIC, CHATGPT, GOOGLE, FORGE)
FORBIDDEN = "xyzzy"
CODE = "FORBIDDEN_WORD"
_POLICY = f"""package helm.rules.words

deny contains {{
	"rule": "words.forbidden",
	"code": "{CODE}",
	"message": "The magic word must not be said.",
	"finality": "instance_parameter",
}} if {{
	input.phase == "request"
	some text in input.texts
	contains(text.text, "{FORBIDDEN}")
}}
"""


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that ran under the boundary, and the summary that `exec` printed at the end."""

    code: int
    out: str
    err: str

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls in the summary, which is the last line that `exec --json` prints."""
        return json.loads(self.err.rstrip().rpartition("\n")[2])["calls"]  # type: ignore[no-any-return]

    @property
    def said(self) -> list[dict[str, Any]]:
        """The JSON objects that the program printed, one per line."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]


class Company:
    """An upstream that is every provider, a gateway before it, a home folder and a policy.

    The policy is the default one with a rule more: FORBIDDEN in a request's text is denied.
    """

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.state = folder / "state"
        self.policy = folder / "policy"
        self.authority = Authority(folder / "authority")
        self.upstream = Upstream(self.authority.issue(*HOSTS, "localhost", "127.0.0.1"))
        self._open = contextlib.ExitStack()
        self.gateway: Gateway

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True)
        self.policy.mkdir()
        (self.policy / "words.rego").write_text(_POLICY)
        self._open.enter_context(self.upstream)
        self.upstream.answer(answer)
        self.gateway = self._open.enter_context(Gateway(dict.fromkeys(HOSTS, self.upstream.port)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a program before the boundary is added to it."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "HTTPS_PROXY": self.gateway.url,
            "SSL_CERT_FILE": str(self.authority.file),
            "OPENAI_API_KEY": "made-" + "up",
            "ANTHROPIC_API_KEY": "made-" + "up",
            "GEMINI_API_KEY": "made-" + "up",
            **more,
        }

    def command(self, *options: str) -> list[str]:
        """Return `helm-boundary exec` with this company's state, policy and these options."""
        where = ("--state", str(self.state), "--policy", str(self.policy))
        return [sys.executable, "-m", "helm_boundary", "exec", "--json", *where, *options]

    def exec(
        self,
        *program: str | Path,
        options: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        seconds: float = 90,
    ) -> Finished:
        """Run a program under a boundary of its own; all of it ends where it takes too long."""
        with subprocess.Popen(
            [*self.command(*options), "--", *map(str, program)],
            env=self.environment(**(env or {})),
            cwd=cwd or self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as running:
            try:
                out, err = running.communicate(timeout=seconds)
            except BaseException:
                os.killpg(running.pid, signal.SIGKILL)
                raise
        return Finished(running.returncode, out, err)


def answer(request: Recorded) -> Reply | None:
    """Greet in every dialect."""
    path = request.path.partition("?")[0]
    if request.method != "POST":
        return None
    if path.endswith("/messages"):
        return reply_to_message(request)
    return reply_to_response(request) if path.endswith("/responses") else None
