"""Clients that people use, unchanged, through `helm-boundary exec`.

They call the providers by the providers' own names. Each makes a call that passes and one that
doesn't, whole and as a stream; nothing of a denied call reaches the upstream, and every connection
that does comes from the boundary. What isn't in the tests' own environment is installed by
`scripts/clients`, and skipped where that was not run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.company import CODE, FORBIDDEN, FORGE, OPENAI, Company, Finished, answer
from support.installed import PROGRAMS, installed, on_path
from support.upstream import Recorded, Reply

GREETING = "Hello from the upstream."
PASSES, DENIED = "Say hello.", f"Say {FORBIDDEN}."
TWO_EACH = {"ALLOW": 2, "DENY": 2}


def assert_governed(company: Company, finished: Finished) -> None:
    """Assert receipts of two allowed and two denied calls, of which two reached the upstream."""
    verdicts = [call["verdict"] for call in finished.calls]
    assert {name: verdicts.count(name) for name in TWO_EACH} == TWO_EACH, finished
    assert_only_allowed(company)
    assert len(company.upstream.requests) == 2


def assert_only_allowed(company: Company) -> None:
    """Assert that no denied word reached the upstream, and that all came by the boundary.

    An agent also asks hosts of its vendor's other than the model's, so all of them are counted.
    """
    assert FORBIDDEN.encode() not in b"".join(each.body for each in company.upstream.requests)
    assert company.upstream.connections == sum(company.gateway.connections.values())


# The error that each client raises for a 403 with the OpenAI (or Anthropic) error object.
SMALL = {
    "httpx": "Denied",
    "requests": "Denied",
    "aiohttp": "Denied",
    "openai": "PermissionDeniedError",
    "openai_responses": "PermissionDeniedError",
    "anthropic": "PermissionDeniedError",
}
BIG = {
    "langchain": "OpenAIPermissionDeniedError",
    "llama_index": "PermissionDeniedError",
    "litellm": "BadRequestError",
    "openai_agents": "PermissionDeniedError",
    "pydantic_ai": "ModelHTTPError",
}


def deeds(error: str) -> list[dict[str, object]]:
    """Return the report of a client that got its two answers, and this error twice."""
    passed: dict[str, object] = {"text": GREETING}
    denied: dict[str, object] = {"error": error, "told": True}
    return [{"deed": deed, **each} for deed in ("whole", "stream") for each in (passed, denied)]


@pytest.mark.parametrize("client", [*SMALL, *BIG])
def test_a_python_client_is_governed(company: Company, client: str) -> None:
    """The SDKs and what is built on them: typed errors that carry the reason's code."""
    python = sys.executable if client in SMALL else installed("python", "bin", "python")
    finished = company.exec(python, PROGRAMS / f"with_{client}.py")
    assert finished.said == deeds((SMALL | BIG)[client]), finished
    assert_governed(company, finished)


NODE = {
    "openai on fetch": ("with_openai.mjs",),
    "openai on undici": ("with_openai.mjs", "undici"),
    "anthropic": ("with_anthropic.mjs",),
}


@pytest.fixture
def modules(company: Company) -> None:
    """Put the programs for Node beside the packages that they import."""
    packages = installed("node", "node_modules")
    for program in PROGRAMS.glob("*.mjs"):
        shutil.copy(program, company.home)
    (company.home / "node_modules").symlink_to(packages)


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize("client", NODE)
def test_a_node_client_is_governed(company: Company, client: str) -> None:
    """Node 24 and later use the proxy variables when NODE_USE_ENV_PROXY is set."""
    node = installed("node", "node_modules", ".bin", "node")
    finished = company.exec(node, *NODE[client])
    assert finished.said == deeds("PermissionDeniedError"), finished
    assert_governed(company, finished)


@pytest.mark.usefixtures("modules")
def test_an_older_node_is_governed_by_its_base_url(company: Company) -> None:
    """Node 20's fetch takes no proxy from the environment; the SDK takes a base URL."""
    finished = company.exec(
        *(on_path("node"), "with_openai.mjs"),
        options=("--base-url",),
    )
    assert finished.said == deeds("PermissionDeniedError"), finished
    assert_governed(company, finished)


RUNTIMES = {"bun": (), "deno": ("run", "--allow-all", "--node-modules-dir=manual")}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_another_runtime_is_governed(company: Company, runtime: str) -> None:
    """Bun's and Deno's own fetch take the proxy from the environment, and their roots as well."""
    program = installed("runtimes", "node_modules", ".bin", runtime)
    for name in ("with_openai.mjs", "deeds.mjs"):
        shutil.copy(PROGRAMS / name, company.home)
    (company.home / "package.json").write_text('{"dependencies": {"openai": "*"}}')
    (company.home / "node_modules").symlink_to(installed("runtimes", "node_modules"))
    finished = company.exec(program, *RUNTIMES[runtime], "with_openai.mjs")
    assert finished.said == deeds("PermissionDeniedError"), finished
    assert_governed(company, finished)


def test_openai_java_is_governed(company: Company) -> None:
    """On OkHttp, which goes by Java's own properties."""
    jars = installed("compiled", "java")
    command = (on_path("java"), "-cp", f"{jars}/*", PROGRAMS / "OpenAi.java")
    finished = company.exec(*command)
    assert finished.said == deeds("PermissionDeniedException"), finished
    assert_governed(company, finished)


def test_openai_go_is_governed(company: Company) -> None:
    """On net/http, with the status in its one type of error."""
    finished = company.exec(installed("compiled", "go", "deeds"))
    assert finished.said == deeds("Error 403"), finished
    assert_governed(company, finished)


def test_reqwest_is_governed(company: Company) -> None:
    """With the system's roots; one with roots of its own trusts nobody else."""
    finished = company.exec(installed("compiled", "reqwest", "target", "debug", "deeds"))
    assert finished.said == STATUSES, finished
    assert_governed(company, finished)


STATUSES = [
    {"deed": deed, "status": status, "told": status == 403}
    for deed in ("whole", "stream")
    for status in (200, 403)
]


def test_java_is_governed(company: Company) -> None:
    """The JDK's HTTP client takes proxy and trust from JAVA_TOOL_OPTIONS."""
    finished = company.exec(on_path("java"), PROGRAMS / "Client.java")
    assert finished.said == STATUSES, finished
    assert_governed(company, finished)


def test_go_is_governed(company: Company, tmp_path: Path) -> None:
    """Go's HTTP client takes its proxy from the environment and SSL_CERT_FILE for its roots."""
    program, build = tmp_path / "client", {**company.environment(), "GOFLAGS": "-mod=mod"}
    build |= {"HOME": str(Path.home()), "GOTOOLCHAIN": "local"}
    subprocess.run(
        [on_path("go"), "build", "-o", program, PROGRAMS / "client.go"], check=True, env=build
    )
    finished = company.exec(program)
    assert finished.said == STATUSES, finished
    assert_governed(company, finished)


@pytest.mark.parametrize("stream", [False, True])
def test_curl_is_governed(company: Company, stream: bool) -> None:
    """With curl, the answer or the denial is printed; --fail makes a denial the exit code."""
    url = f"https://{OPENAI}/v1/chat/completions"
    for words, code in ((PASSES, 0), (DENIED, 22)):
        message = {"role": "user", "content": words}
        asked = {"model": "gpt-4o-mini", "stream": stream, "messages": [message]}
        finished = company.exec(
            *(on_path("curl"), "-sS", "--fail-with-body", url),
            *("-H", "Content-Type: application/json", "-d", json.dumps(asked)),
        )
        assert finished.code == code, finished
        assert (CODE in finished.out) == bool(code)
    assert_only_allowed(company)
    assert len(company.upstream.requests) == 1


def test_git_over_https_is_left_alone(company: Company, tmp_path: Path) -> None:
    """A clone works as ever, and leaves no receipt."""
    git = [on_path("git"), "-c", "user.name=a", "-c", "user.email=a@example.test"]
    work, bare = tmp_path / "work", tmp_path / "repo.git"
    for command in (
        ["init", "-q", str(work)],
        ["-C", str(work), "commit", "-q", "--allow-empty", "-m", "First"],
        ["clone", "-q", "--bare", str(work), str(bare)],
        ["-C", str(bare), "update-server-info"],
    ):
        subprocess.run([*git, *command], check=True, env=company.environment())
    company.upstream.answer(lambda request: _file(request, tmp_path) or answer(request))
    finished = company.exec(*git, "clone", "-q", f"https://{FORGE}/repo.git", "cloned")
    assert (finished.code, finished.calls) == (0, []), finished
    assert (company.home / "cloned" / ".git" / "HEAD").exists()
    assert company.gateway.connections[FORGE] == company.upstream.connections > 0


PAGE = """<!doctype html><title>A page</title><pre></pre><script>
async function ask(words, stream) {
  const asked = { model: "gpt-4o-mini", stream, messages: [{ role: "user", content: words }] };
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify(asked);
  const answer = await fetch("/v1/chat/completions", { method: "POST", headers, body });
  return `${answer.status} ${(await answer.text()).includes("FORBIDDEN_WORD")}`;
}
(async () => {
  for (const stream of [false, true])
    for (const words of ["Say hello.", "Say xyzzy."])
      document.querySelector("pre").textContent += await ask(words, stream) + ";";
})();
</script>"""


def test_headless_chromium_is_governed(company: Company) -> None:
    """A page's own fetch is governed, once the authority is in the user's NSS database."""
    chromium, _ = on_path("chromium"), on_path("certutil")
    company.upstream.answer(_page)
    trust = f'"{sys.executable}" -m helm_boundary trust install --store nss >&2 && exec "$0" "$@"'
    finished = company.exec(
        *("sh", "-c", trust, chromium, "--headless", "--no-sandbox", "--disable-gpu"),
        *("--disable-quic", "--no-first-run", "--disable-background-networking"),
        *("--disable-component-update", "--disable-sync", "--virtual-time-budget=15000"),
        *("--dump-dom", f"https://{FORGE}/page"),
    )
    assert "200 false;403 true;200 false;403 true;" in finished.out, finished
    asked = [each for each in company.upstream.requests if each.method == "POST"]
    assert len(asked) == 2
    assert company.upstream.connections == company.gateway.connections[FORGE]


def codex(words: str) -> list[str]:
    """Return Codex CLI's command, without questions to the user."""
    program = installed("node", "node_modules", ".bin", "codex")
    return [program, "exec", "--skip-git-repo-check", "-m", "gpt-5", words]


def claude_code(words: str) -> list[str]:
    """Return Claude Code's command, without questions to the user."""
    program = installed("node", "node_modules", ".bin", "claude")
    return [program, "-p", words, "--model", "claude-sonnet-4-5"]


def aider(words: str) -> list[str]:
    """Return Aider's command for one message; it has 25 seconds, as it retries for a minute."""
    program = installed("aider", "bin", "aider")
    quiet = ["--no-git", "--yes-always", "--no-check-update", "--analytics-disable", "--no-pretty"]
    quiet += ["--no-show-model-warnings", "--no-show-release-notes", "--map-tokens", "0"]
    model = ["--model", "openai/gpt-4o-mini"]
    return ["timeout", "25", program, *quiet, *model, "--message", words]


AGENTS: dict[str, tuple[Callable[[str], list[str]], str]] = {
    "codex": (codex, "createResponse"),
    "claude code": (claude_code, "anthropic.createMessage"),
    "aider": (aider, "createChatCompletion"),
}
_SLOW = {"codex", "aider"}
"""Agents that ask again for half a minute; Codex is denied in test_denied_agents too."""


@pytest.mark.parametrize(
    "agent",
    [pytest.param(each, marks=[pytest.mark.slow] * (each in _SLOW)) for each in AGENTS],
)
def test_a_coding_agent_is_governed(company: Company, agent: str) -> None:
    """It says what the model said, or in its own words that the boundary denied the call."""
    command, operation = AGENTS[agent]
    told = {"CODEX_HOME": str(company.home)}
    passed = company.exec(*command(PASSES), env=told)
    assert GREETING in passed.out, passed
    assert _verdicts(passed, operation) == {"ALLOW"}
    denied = company.exec(*command(DENIED), env=told)
    assert "The magic word must not be said." in " ".join((denied.out + denied.err).split())
    assert GREETING not in denied.out
    assert _verdicts(denied, operation) == {"DENY"}
    assert_only_allowed(company)


def _verdicts(finished: Finished, operation: str) -> set[str]:
    return {call["verdict"] for call in finished.calls if call["operation"] == operation}


def _file(request: Recorded, folder: Path) -> Reply | None:
    path = folder / request.path.partition("?")[0].lstrip("/")
    if request.method != "GET" or not path.is_file():
        return None
    return Reply.of(path.read_bytes(), "application/octet-stream")


def _page(request: Recorded) -> Reply | None:
    if request.path == "/page":
        return Reply.of(PAGE.encode(), "text/html")
    return answer(request)
